"""What the distribution specification asks of a registry, by its four categories: pull, push, discovery, management."""

import httpx
import pytest

from registry.core.imaging.images import INDEX_TYPE, MANIFEST_TYPE
from registry.core.imaging.manifests import LIST_TYPES, MAX_MANIFEST_BYTES
from tests.registry.api.oci.conftest import Repository, digest_of

NOWHERE = digest_of(b"nowhere")
DOCKER_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


# pull


def test_what_was_pushed_is_pulled_as_it_was(mine: Repository) -> None:
    content = mine.manifest(b'{"a": 1}', b"layer")
    digest = digest_of(content)
    assert mine.put("one", content).headers["docker-content-digest"] == digest
    for reference in ("one", digest):
        for method in ("GET", "HEAD"):
            answer = mine.http.request(method, f"{mine.url}/manifests/{reference}")
            assert (answer.status_code, answer.headers["docker-content-digest"]) == (200, digest)
            assert (answer.headers["content-type"], int(answer.headers["content-length"])) == (
                MANIFEST_TYPE,
                len(content),
            )
            assert answer.content == (content if method == "GET" else b"")
    blob = f"{mine.url}/blobs/{digest_of(b'layer')}"
    assert (mine.http.get(blob).content, int(mine.http.head(blob).headers["content-length"])) == (b"layer", 5)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("manifests/none", "MANIFEST_UNKNOWN"),
        (f"manifests/{NOWHERE}", "MANIFEST_UNKNOWN"),
        (f"blobs/{NOWHERE}", "BLOB_UNKNOWN"),
    ],
)
def test_what_is_not_there_is_404(mine: Repository, method: str, path: str, code: str) -> None:
    answer = mine.http.request(method, f"{mine.url}/{path}")
    assert answer.status_code == 404
    assert method == "HEAD" or code_of(answer) == code


@pytest.mark.parametrize(
    ("header", "status", "content", "range_"),
    [
        ("bytes=0-2", 206, b"012", "bytes 0-2/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
    ],
)
def test_a_range_of_a_blob_is_read(
    mine: Repository, header: str, status: int, content: bytes, range_: str | None
) -> None:
    digest = mine.blob(b"0123456789")["digest"]
    answer = mine.http.get(f"{mine.url}/blobs/{digest}", headers={"range": header})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, range_)


# push


def test_a_blob_arrives_in_one_request(mine: Repository) -> None:
    digest = digest_of(b"all of it")
    answer = mine.http.post(f"{mine.url}/blobs/uploads/", params={"digest": digest}, content=b"all of it")
    assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, digest)
    assert mine.http.get(answer.headers["location"]).content == b"all of it"


def test_a_blob_arrives_in_two_requests(mine: Repository) -> None:
    begun = mine.http.post(f"{mine.url}/blobs/uploads/")
    assert (begun.status_code, begun.headers["range"]) == (202, "0-0")
    done = mine.http.put(begun.headers["location"], params={"digest": digest_of(b"body")}, content=b"body")
    assert done.status_code == 201
    assert mine.http.get(done.headers["location"]).content == b"body"


def test_a_blob_arrives_in_a_stream(mine: Repository) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    sent = mine.http.patch(location, content=iter([b"one", b"two"]))  # chunked, no length
    assert (sent.status_code, sent.headers["range"]) == (202, "0-5")
    done = mine.http.put(sent.headers["location"], params={"digest": digest_of(b"onetwo")})
    assert done.status_code == 201


def test_a_blob_arrives_in_chunks_and_tells_how_far_it_is(mine: Repository) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    first = mine.http.patch(location, content=b"0123", headers={"content-range": "0-3"})
    assert (first.status_code, first.headers["range"]) == (202, "0-3")
    shown = mine.http.get(first.headers["location"])
    assert (shown.status_code, shown.headers["range"], shown.headers["location"]) == (204, "0-3", location)
    last = {"content-range": "4-6"}
    done = mine.http.put(location, params={"digest": digest_of(b"0123456")}, content=b"456", headers=last)
    assert done.status_code == 201
    assert mine.http.get(location).status_code == 404


@pytest.mark.parametrize("range_", ["5-8", "0-3", "3-6", "nonsense", "4"])
def test_a_chunk_out_of_order_is_416_and_changes_nothing(mine: Repository, range_: str) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    mine.http.patch(location, content=b"0123", headers={"content-range": "0-3"})
    wrong = mine.http.patch(location, content=b"4567", headers={"content-range": range_})
    assert (wrong.status_code, code_of(wrong)) == (416, "BLOB_UPLOAD_INVALID")
    assert "the next byte wanted is 4" in wrong.json()["errors"][0]["message"]
    assert mine.http.get(location).headers["range"] == "0-3"
    late = mine.http.put(location, params={"digest": NOWHERE}, content=b"4", headers={"content-range": "9-9"})
    assert late.status_code == 416


def test_a_chunk_of_another_size_than_it_says_is_refused(mine: Repository) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    wrong = mine.http.patch(location, content=b"0123", headers={"content-range": "0-9"})
    assert (wrong.status_code, code_of(wrong)) == (400, "BLOB_UPLOAD_INVALID")


def test_bytes_of_another_digest_are_refused_and_gone(mine: Repository) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    wrong = mine.http.put(location, params={"digest": NOWHERE}, content=b"something else")
    assert (wrong.status_code, code_of(wrong)) == (400, "DIGEST_INVALID")
    assert mine.http.get(location).status_code == 404
    at_once = mine.http.post(f"{mine.url}/blobs/uploads/", params={"digest": NOWHERE}, content=b"something else")
    assert (at_once.status_code, code_of(at_once)) == (400, "DIGEST_INVALID")
    for digest in (NOWHERE, digest_of(b"something else")):
        assert mine.http.head(f"{mine.url}/blobs/{digest}").status_code == 404


@pytest.mark.parametrize("digest", ["", "sha256:00", f"sha512:{'0' * 128}", "md5:d41d8cd98f00b204e9800998ecf8427e"])
def test_another_digest_than_sha256_is_refused_in_words(mine: Repository, digest: str) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    for answer in (
        mine.http.put(location, params={"digest": digest}, content=b"x"),
        mine.http.post(f"{mine.url}/blobs/uploads/", params={"digest": digest or "x"}, content=b"x"),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")
        assert "'sha256:' and 64 hexadecimal digits" in answer.json()["errors"][0]["message"]


def test_an_upload_is_cancelled(mine: Repository) -> None:
    location = mine.http.post(f"{mine.url}/blobs/uploads/").headers["location"]
    assert mine.http.delete(location).status_code == 204
    for answer in (mine.http.get(location), mine.http.patch(location, content=b"x"), mine.http.delete(location)):
        assert (answer.status_code, code_of(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("upload", ["none", "0" * 32, "..%2F..%2Foci-layout", "%00"])
def test_an_upload_that_never_was_is_404(mine: Repository, upload: str) -> None:
    answer = mine.http.patch(f"{mine.url}/blobs/uploads/{upload}", content=b"x")
    assert answer.status_code in (400, 404)


def test_a_blob_is_mounted_from_another_repository(mine: Repository) -> None:
    digest = mine.blob(b"shared")["digest"]
    query = {"mount": digest, "from": mine.name}
    mounted = mine.http.post("/v2/other/blobs/uploads/", params=query)
    assert (mounted.status_code, mounted.headers["location"]) == (201, f"/v2/other/blobs/{digest}")
    assert mine.http.get(mounted.headers["location"]).content == b"shared"


@pytest.mark.parametrize("mount", [NOWHERE, "sha256:00", "../x"])
def test_what_cannot_be_mounted_is_uploaded(mine: Repository, mount: str) -> None:
    answer = mine.http.post("/v2/other/blobs/uploads/", params={"mount": mount, "from": mine.name})
    assert (answer.status_code, "/blobs/uploads/" in answer.headers["location"]) == (202, True)


def test_a_manifest_is_pushed_by_tag_and_by_digest(mine: Repository) -> None:
    content = mine.manifest(b"{}", b"layer")
    digest = digest_of(content)
    for reference in ("one", "two", digest):
        answer = mine.put(reference, content)
        assert (answer.status_code, answer.headers["location"]) == (201, f"{mine.url}/manifests/{digest}")
    assert mine.tags().json() == {"name": mine.name, "tags": ["one", "two"]}


def test_a_manifest_whose_parts_are_missing_is_refused(mine: Repository) -> None:
    document = {"schemaVersion": 2, "config": {"mediaType": "x/y", "digest": NOWHERE, "size": 7}, "layers": []}
    answer = mine.put("one", document)
    assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    children = [{"mediaType": MANIFEST_TYPE, "digest": NOWHERE, "size": 7}]
    answer = mine.put("one", {"schemaVersion": 2, "manifests": children}, INDEX_TYPE)
    assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert mine.tags().status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"schemaVersion": 1, "config": %s, "layers": []}',
        b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "config": %s, "layers": []}',
        b'{"schemaVersion": 2, "layers": []}',
        b'{"schemaVersion": 2, "config": %s, "manifests": []}',
        b'{"schemaVersion": 2, "config": {"mediaType": "x", "digest": "sha512:00", "size": 1}}',
        b'{"schemaVersion": 2, "config": %s, "subject": {"mediaType": "x", "digest": "none", "size": 1}}',
        b'{"schemaVersion": 2, "config": %s, "annotations": {"a": 1}}',
    ],
)
def test_a_manifest_that_is_none_is_refused(mine: Repository, change: bytes) -> None:
    config = mine.blob(b"{}", "application/json")
    descriptor = b'{"mediaType": "application/json", "digest": "%s", "size": 2}' % config["digest"].encode()
    answer = mine.put("one", change.replace(b"%s", descriptor))
    assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_INVALID")


def test_a_part_of_another_size_is_refused(mine: Repository) -> None:
    config = mine.blob(b"{}") | {"size": 3}
    answer = mine.put("one", {"schemaVersion": 2, "config": config, "layers": []})
    assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_INVALID")
    assert "has 2 bytes, not 3" in answer.json()["errors"][0]["message"]


def test_a_manifest_under_another_digest_or_type_is_refused(mine: Repository) -> None:
    content = mine.manifest()
    assert code_of(mine.put(NOWHERE, content)) == "DIGEST_INVALID"
    assert code_of(mine.put("one", content, "application/json")) == "MANIFEST_INVALID"
    assert code_of(mine.put("one", content, DOCKER_TYPE)) == "MANIFEST_INVALID"
    assert mine.put("one", content, f"{MANIFEST_TYPE}; charset=utf-8").status_code == 201


def test_a_manifest_of_more_than_4_mib_is_413(mine: Repository) -> None:
    answer = mine.put("one", mine.manifest(padding="x" * MAX_MANIFEST_BYTES))
    assert (answer.status_code, code_of(answer)) == (413, "SIZE_INVALID")
    assert mine.put("one", mine.manifest(padding="x" * (MAX_MANIFEST_BYTES - 4096))).status_code == 201


@pytest.mark.parametrize("kind", LIST_TYPES)
def test_a_list_of_images_is_kept(mine: Repository, kind: str) -> None:
    content = mine.manifest()
    mine.put("amd64", content)
    child = {"mediaType": MANIFEST_TYPE, "digest": digest_of(content), "size": len(content)}
    document = {"schemaVersion": 2, "mediaType": kind, "manifests": [child | {"platform": {"os": "linux"}}]}
    assert mine.put("all", document, kind).status_code == 201
    pulled = mine.http.get(f"{mine.url}/manifests/all", headers={"accept": kind})
    assert (pulled.headers["content-type"], pulled.json()) == (kind, document)


def test_docker_s_own_types_are_kept(mine: Repository) -> None:
    config = mine.blob(b'{"os": "linux"}', "application/vnd.docker.container.image.v1+json")
    layer = mine.blob(b"gz", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    document = {"schemaVersion": 2, "mediaType": DOCKER_TYPE, "config": config, "layers": [layer]}
    assert mine.put("one", document, DOCKER_TYPE).status_code == 201
    assert mine.http.get(f"{mine.url}/manifests/one").headers["content-type"] == DOCKER_TYPE


def test_lists_that_clients_in_go_write_as_null_are_empty(mine: Repository) -> None:
    config = mine.blob(b"{}")
    document = {"schemaVersion": 2, "config": config, "layers": None, "annotations": None}
    assert mine.put("one", document).status_code == 201
    assert mine.http.get("/api/v1/image-prune").status_code == 200


# discovery


def test_tags_come_in_pages_in_the_order_of_their_characters(mine: Repository) -> None:
    content = mine.manifest()
    for tag in ("b", "a", "C", "10", "9"):
        mine.put(tag, content)
    assert mine.tags().json()["tags"] == ["10", "9", "C", "a", "b"]
    page, tags = mine.tags(n=2), []
    while True:
        tags.append(page.json()["tags"])
        if "next" not in page.links:
            break
        page = mine.http.get(page.links["next"]["url"])
    assert tags == [["10", "9"], ["C", "a"], ["b"]]
    assert mine.tags(n=0).json()["tags"] == []
    assert mine.tags(last="C").json()["tags"] == ["a", "b"]
    assert mine.tags(n=-1).status_code == mine.tags(n="many").status_code == 400


def test_a_manifest_with_a_subject_is_its_referrer(mine: Repository) -> None:
    subject = mine.manifest()
    reference = {"mediaType": MANIFEST_TYPE, "digest": digest_of(subject), "size": len(subject)}
    early = mine.manifest(b"[]", subject=reference, artifactType="application/vnd.example.a", annotations={"n": "1"})
    answer = mine.put(digest_of(early), early)  # before its subject
    assert (answer.status_code, answer.headers["oci-subject"]) == (201, digest_of(subject))
    mine.put("it", subject)
    late = mine.manifest(b"[]", subject=reference)  # its config's type stands for its own
    mine.put(digest_of(late), late)
    listed = mine.http.get(f"{mine.url}/referrers/{digest_of(subject)}")
    assert listed.headers["content-type"] == INDEX_TYPE
    first, second = listed.json()["manifests"]
    assert (first["digest"], first["artifactType"], first["annotations"], first["size"]) == (
        digest_of(early),
        "application/vnd.example.a",
        {"n": "1"},
        len(early),
    )
    assert second["artifactType"] == "application/vnd.oci.image.config.v1+json"
    chosen = mine.http.get(f"{mine.url}/referrers/{digest_of(subject)}", params={"artifactType": first["artifactType"]})
    assert [one["digest"] for one in chosen.json()["manifests"]] == [first["digest"]]


# management


def test_a_deleted_tag_leaves_the_manifest(mine: Repository) -> None:
    content = mine.manifest()
    mine.put("one", content)
    mine.put("two", content)
    assert mine.http.delete(f"{mine.url}/manifests/one").status_code == 202
    assert mine.tags().json()["tags"] == ["two"]
    assert mine.http.get(f"{mine.url}/manifests/{digest_of(content)}").status_code == 200
    assert code_of(mine.http.delete(f"{mine.url}/manifests/one")) == "MANIFEST_UNKNOWN"


def test_a_deleted_manifest_takes_its_tags_along_and_its_blobs_can_follow(mine: Repository) -> None:
    layer = mine.name.encode()
    content = mine.manifest(b"{}", layer)
    mine.put("one", content)
    blob = f"{mine.url}/blobs/{digest_of(layer)}"
    used = mine.http.delete(blob)
    assert (used.status_code, code_of(used)) == (409, "DENIED")
    assert f"{mine.name}@{digest_of(content)}" in used.json()["errors"][0]["message"]
    assert mine.http.delete(f"{mine.url}/manifests/{digest_of(content)}").status_code == 202
    assert mine.http.get(f"{mine.url}/manifests/{digest_of(content)}").status_code == 404
    assert mine.tags().json()["tags"] == []
    assert mine.http.delete(blob).status_code == 202
    for answer in (mine.http.get(blob), mine.http.delete(blob)):
        assert (answer.status_code, code_of(answer)) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("path", ["manifests/one", "tags/list", "referrers/x", f"blobs/{NOWHERE}", "blobs/uploads/"])
def test_another_method_is_405_and_unsupported(mine: Repository, path: str) -> None:
    answer = mine.http.request("OPTIONS", f"{mine.url}/{path}")
    assert (answer.status_code, code_of(answer)) == (405, "UNSUPPORTED")
