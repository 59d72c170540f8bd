"""The controller's way to Ray: a port, and the driver process behind it. Imports no Ray."""

import asyncio
import logging
import sys
from typing import Any, Protocol

import msgspec

log = logging.getLogger("slipway.controller")

APPLIED_WITHIN_S = 60.0
STATUS_WITHIN_S = 15.0
CONNECT_S = 90.0


class ClusterError(Exception):
    """The cluster did not do what it was asked; asking again may help."""


class Cluster(Protocol):
    """Where supervisors run."""

    async def apply(self, config: dict[str, Any]) -> None:
        """Make the cluster run exactly the applications of ``config``.

        Raises:
            ClusterError: it could not be handed over.
        """

    async def status(self) -> dict[str, Any]:
        """Return each application's status, by name.

        Raises:
            ClusterError: the cluster is away.
        """

    async def nodes(self) -> int:
        """Return how many nodes there are.

        Raises:
            ClusterError: the cluster is away.
        """

    async def close(self) -> None:
        """Let go of the cluster; what runs there runs on."""


class RayCluster:
    """Ray behind its driver process, which is started when first needed and again whenever it ended."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._driver: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def apply(self, config: dict[str, Any]) -> None:
        await self._ask({"verb": "apply", "config": config}, APPLIED_WITHIN_S)

    async def status(self) -> dict[str, Any]:
        answer = await self._ask({"verb": "status"}, STATUS_WITHIN_S)
        return dict(answer["applications"])

    async def nodes(self) -> int:
        answer = await self._ask({"verb": "nodes"}, STATUS_WITHIN_S)
        return int(answer["nodes"])

    async def close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is None or driver.returncode is not None:
            return
        driver.terminate()
        try:
            await asyncio.wait_for(driver.wait(), 2.0)
        except TimeoutError:
            driver.kill()
            await driver.wait()

    async def _ask(self, question: dict[str, Any], within_s: float) -> dict[str, Any]:
        """Ask the driver. One that fails is ended: it may hold on to a cluster that is no more."""
        async with self._turn:
            driver = await self._running_driver()
            assert driver.stdin is not None
            try:
                driver.stdin.write(msgspec.json.encode(question) + b"\n")
                await driver.stdin.drain()
                return await self._read(driver, within_s)
            except (OSError, TimeoutError) as error:
                await self.close()
                raise ClusterError(f"Ray's driver did not answer: {error!r}") from error
            except ClusterError:
                await self.close()
                raise

    async def _running_driver(self) -> asyncio.subprocess.Process:
        if self._driver is not None and self._driver.returncode is None:
            return self._driver
        self._driver = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "serving.cluster.driver", "--address", self._address),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
        )
        try:
            await self._read(self._driver, CONNECT_S)
        except (TimeoutError, ClusterError) as error:
            await self.close()
            raise ClusterError(f"could not connect to Ray at {self._address}: {error!r}") from error
        log.info("connected to Ray at %s", self._address)
        return self._driver

    async def _read(self, driver: asyncio.subprocess.Process, timeout_s: float) -> dict[str, Any]:
        assert driver.stdout is not None
        line = await asyncio.wait_for(driver.stdout.readline(), timeout_s)
        if not line:
            code = await driver.wait()
            self._driver = None
            raise ClusterError(f"Ray's driver ended with status {code}; see the controller's log")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if "error" in answer:
            raise ClusterError(str(answer["error"]))
        return dict(answer["ok"])
