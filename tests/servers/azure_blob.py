"""A real Azure Blob API: Azurite, from the npm registry, kept in ``build/test-servers``. ``main`` only installs it."""

import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from tests.servers.processes import Absent, free_port, listens, start, stop

LOCK = Path(__file__).parent / "azurite"  # package.json and package-lock.json
INSTALLED = Path(__file__).parents[2] / "build" / "test-servers" / "azurite"
MAIN = INSTALLED / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
FETCHED_S = 150  # less than a test may take
ACCOUNT = "devstoreaccount1"
KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # the same for everybody
)


class AzureBlob:
    """A server that is running until ``close``. Raises Absent when it cannot be started."""

    def __init__(self) -> None:
        install()
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-azure-"))
        self._names = count(1)
        port = free_port()
        command = [str(shutil.which("node")), str(MAIN), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--location", str(self._folder), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        self._process = start(command, self._folder / "log", lambda: listens(port))
        self._endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        credential = {"account_name": ACCOUNT, "account_key": KEY}
        self._client = BlobServiceClient(self._endpoint, credential=credential)

    def close(self) -> None:
        self._client.close()
        stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def empty_container(self) -> str:
        """Make a container and return its URL, with a prefix."""
        name = f"container-{next(self._names)}"
        self._client.create_container(name)
        return self.url(name)

    def url(self, container: str, key: str = KEY) -> str:
        quoted = key.replace("+", "%2B")
        return f"az://{container}/below?endpoint={self._endpoint}&account_name={ACCOUNT}&account_key={quoted}"

    def left_in(self, url: str) -> list[str]:
        """Return the names of a container's blobs, and of those that were begun and not finished."""
        container = self._client.get_container_client(url.split("/")[2])
        return sorted(blob.name for blob in container.list_blobs(include=["uncommittedblobs"]))


def install() -> None:
    """Install Azurite unless it is there. Raises Absent."""
    lock = (LOCK / "package-lock.json").read_bytes()
    done = INSTALLED / "installed-lock.json"
    if done.exists() and done.read_bytes() == lock:
        return
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Absent("Azurite needs node and npm: apt install nodejs npm")
    shutil.copytree(LOCK, INSTALLED, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(INSTALLED)]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=FETCHED_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Absent(f"npm did not fetch Azurite within {FETCHED_S} s") from error
    if fetched.returncode != 0:
        raise Absent(f"npm could not fetch Azurite: {fetched.stderr[-1000:]}")
    done.write_bytes(lock)


if __name__ == "__main__":
    install()
