"""A gigabyte through the image registry, as OCI's clients push and pull a layer: how fast, in how much memory."""

import hashlib
import http.client
from statistics import median
from urllib.parse import quote

from loadtest.bench.subject import NotReady
from loadtest.images_bench.registry import Bench
from loadtest.registry_bench.artifact import Transfer, download, measure, random_file, upload
from loadtest.registry_bench.measures import Measure
from loadtest.registry_bench.servers import Server

GIGABYTE = 1 << 30
REPOSITORY = "/v2/bench/transfers"


def transfers(bench: Bench) -> list[Measure]:
    """Push and pull another file in each round.

    Raises:
        NotReady: the registry did not take it, or gave back another number of bytes.
    """
    rounds = [_push_and_pull(bench) for _ in range(bench.rounds)]
    up = median(one.sha256sum_s / one.up_s for one in rounds)
    down = median(one.sha256sum_s / one.down_s for one in rounds)
    grown = max(one.growth_mb for one in rounds)
    return [
        Measure(case="1 GB pushed ÷ sha256sum", value=up, unit="×", bar=0.4, at_least=True),
        Measure(case="1 GB pulled ÷ sha256sum", value=down, unit="×", bar=0.4, at_least=True),
        Measure(case="the registry's memory grew with 1 GB by", value=grown, unit="MB", bar=50, at_least=False),
    ]


def _push_and_pull(bench: Bench) -> Transfer:
    source = random_file(bench.folder / "layer.bin", GIGABYTE)
    with source.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    where = f"{_begin(bench.server)}?digest={quote(digest)}"
    return measure(
        bench.server,
        source,
        lambda: upload(bench.server, where, source, 201),
        lambda: download(bench.server, f"{REPOSITORY}/blobs/{digest}", source),
    )


def _begin(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", f"{REPOSITORY}/blobs/uploads/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 202:
        raise NotReady(f"the upload was not begun, but answered with {answer.status}")
    return str(answer.headers["location"])
