"""An index that has nothing, so that a test's own wheels are all there is."""

from collections.abc import Iterator

import pytest

from tests.servers.local_http import LocalServer


@pytest.fixture
def empty_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with LocalServer(lambda request: request.send_error(404)) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        yield
