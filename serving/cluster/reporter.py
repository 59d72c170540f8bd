"""What a supervisor tells the controller: changes at once, in their order, and a heartbeat in between."""

import asyncio
import secrets

import httpx
import msgspec

from serving.wire.replica import HEARTBEAT_S, Load, ReplicaReport, ReplicaSpec, ReplicaState


class Reporter:
    """The latest report of one supervisor. A controller that is away hears the next heartbeat."""

    def __init__(self, spec: ReplicaSpec, supervisor: str, http: httpx.AsyncClient, log_path: str) -> None:
        self._url = spec.controller_url
        self._http = http
        self._turn = asyncio.Lock()
        self._report = ReplicaReport(
            replica=new_replica_id(spec),
            supervisor=supervisor,
            endpoint=spec.endpoint,
            deployment=spec.deployment,
            revision=spec.revision,
            worker_count=spec.worker_count,
            state=ReplicaState.PREPARING,
            message="making the image present",
            log_path=log_path,
        )

    async def tell(self, state: ReplicaState, **changes: object) -> bool:
        """Report a change; say whether every edge has let go of the replica."""
        self._report = msgspec.structs.replace(self._report, state=state, **changes)
        return await self._send()

    def load(self, load: Load) -> None:
        """Note load figures for the next heartbeat."""
        self._report = msgspec.structs.replace(self._report, **msgspec.structs.asdict(load))

    async def beat(self) -> None:
        """Repeat the latest report for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._send()

    async def _send(self) -> bool:
        async with self._turn:
            report = self._report
            url = f"{self._url}/v1/replicas/{report.replica}"
            try:
                answer = await self._http.post(url, content=msgspec.json.encode(report))
                return answer.is_success and bool(answer.json()["released"])
            except (httpx.HTTPError, ValueError, KeyError):
                return False


def new_replica_id(spec: ReplicaSpec) -> str:
    """Name a life of a scoring process; never used again."""
    return f"{spec.deployment}-{spec.revision}-{secrets.token_hex(4)}".lower()
