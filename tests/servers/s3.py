"""A real S3 API: moto's server."""

import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import httpx

from tests.servers.processes import free_port, listens, start, stop

NAMESPACE = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}


class S3:
    """A server that is running until ``close``. Raises Absent when it cannot be started."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-s3-"))
        self._names = count(1)
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._process = start(command, self._folder / "log", lambda: listens(port))
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}")

    def close(self) -> None:
        self._http.close()
        stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty_bucket(self) -> str:
        """Make a bucket and return its URL, with a prefix."""
        name = f"bucket-{next(self._names)}"
        self._http.put(f"/{name}").raise_for_status()
        return self.url(name)

    def url(self, bucket: str) -> str:
        return (
            f"s3://{bucket}/below?endpoint={self._http.base_url}&region=us-east-1&access_key_id=a&secret_access_key=b"
        )

    def left_in(self, url: str) -> list[str]:
        """Return the keys of a bucket's objects, and of uploads that were neither finished nor given up."""
        bucket = url.split("/")[2]
        keys = []
        for query in ({"list-type": "2"}, {"uploads": ""}):
            tree = ElementTree.fromstring(self._http.get(f"/{bucket}", params=query).raise_for_status().text)
            keys += [str(key.text) for key in tree.findall(".//s3:Key", NAMESPACE)]
        return sorted(keys)

    def refuse(self, everybody: bool) -> None:
        """Refuse the keys that everybody has, or take them again."""
        self._http.post("/moto-api/reset-auth", content="0" if everybody else "inf").raise_for_status()
