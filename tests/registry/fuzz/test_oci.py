"""The image registry gets manifests, chunks and references of all kinds: no fault of ours, ever."""

import hashlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.imaging.images import CONFIG_TYPE, IMAGE_LABEL, LAYER_TYPE
from registry.core.imaging.manifests import CONFIG_TYPES, IMAGE_TYPES, LIST_TYPES
from tests.effort import effort
from tests.registry.fuzz.messages import ANYTHING, NUMBERS, TEXTS

CONTENT = b'{"config": {"Labels": {"%s": "{}"}}}' % IMAGE_LABEL.encode()
KNOWN = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"

DIGESTS = st.sampled_from([KNOWN, f"sha256:{'0' * 64}", f"sha512:{'0' * 128}", "sha256:", "latest"]) | TEXTS
KINDS = st.sampled_from([*IMAGE_TYPES, *LIST_TYPES, *CONFIG_TYPES, LAYER_TYPE, ""]) | TEXTS
NOTES = st.dictionaries(TEXTS, TEXTS, max_size=2) | st.none() | ANYTHING
DESCRIPTORS = st.fixed_dictionaries(
    {"mediaType": KINDS, "digest": DIGESTS, "size": st.just(len(CONTENT)) | NUMBERS},
    optional={"annotations": NOTES, "artifactType": TEXTS},
)
RIGHT = st.just({"mediaType": CONFIG_TYPE, "digest": KNOWN, "size": len(CONTENT)})
LISTS = st.lists(RIGHT | DESCRIPTORS, max_size=3) | st.none()
MANIFESTS = st.fixed_dictionaries(
    {"schemaVersion": st.just(2) | NUMBERS},
    optional={
        "mediaType": KINDS,
        "artifactType": TEXTS,
        "config": RIGHT | DESCRIPTORS,
        "layers": LISTS,
        "manifests": LISTS,
        "subject": RIGHT | DESCRIPTORS,
        "annotations": NOTES,
    },
)
REFERENCES = st.sampled_from(["one", "1", "9" * 30, KNOWN, "007"]) | TEXTS
HEADERS = st.sampled_from(["0-9", "0-0", "5-3", "bytes 0-9/*", "-", "9" * 30 + "-1", "x"])


@pytest.fixture
def http(fuzzed_url: str) -> Any:
    with httpx.Client(base_url=fuzzed_url, timeout=30) as client:
        client.post("/v2/fuzz/blobs/uploads/", params={"digest": KNOWN}, content=CONTENT).raise_for_status()
        yield client


def test_no_manifest_is_a_fault_of_ours(http: httpx.Client) -> None:
    @effort(12)
    @given(reference=REFERENCES, document=MANIFESTS | ANYTHING, kind=KINDS)
    def send(reference: str, document: Any, kind: str) -> None:
        value = "".join(char for char in kind if char.isprintable()).strip()  # what a client can send
        headers = [(b"content-type", value.encode("utf-8", "replace"))]
        path = f"/v2/fuzz/manifests/{_quoted(reference)}"
        answer = http.put(path, content=json.dumps(document).encode(), headers=headers)
        assert answer.status_code < 500, (document, answer.text)
        for method in ("GET", "DELETE"):
            assert http.request(method, path).status_code < 500, (method, reference)

    send()


def test_no_chunk_is_a_fault_of_ours(http: httpx.Client) -> None:
    @effort(12)
    @given(place=HEADERS, body=st.binary(max_size=30), digest=DIGESTS, mount=DIGESTS)
    def send(place: str, body: bytes, digest: str, mount: str) -> None:
        mounted = http.post("/v2/fuzz/blobs/uploads/", params={"mount": _clean(mount), "from": _clean(digest)})
        location = http.post("/v2/fuzz/blobs/uploads/").headers["location"]
        answers = [
            mounted,
            http.patch(location, content=body, headers={"content-range": place}),
            http.get(location),
            http.put(location, params={"digest": _clean(digest)}, content=body, headers={"content-range": place}),
            http.get(f"/v2/fuzz/blobs/{KNOWN}", headers={"range": f"bytes={place}"}),
            http.delete(location),
            http.delete(mounted.headers.get("location", location)),
        ]
        for answer in answers:
            assert answer.status_code < 500, (answer.request.method, answer.request.url, answer.text)
        http.post("/v2/fuzz/blobs/uploads/", params={"digest": KNOWN}, content=CONTENT)

    send()


def _quoted(text: str) -> str:
    return str(httpx.URL("http://x/", params={"q": _clean(text)}).query.decode().removeprefix("q=").replace("+", "%20"))


def _clean(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")[:500]
