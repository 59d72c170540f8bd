"""The controller and the telemetry process that an edge talks to."""

import threading
from urllib.parse import parse_qs, urlsplit

import msgspec

from serving.wire.comparison import Comparison
from serving.wire.request_line import COLUMNS, MARK
from serving.wire.routing import RoutingTable
from tests.serving.edge.local_http import Answering, LocalHttp


class Controller:
    def __init__(self) -> None:
        self.table = RoutingTable(generation=0)
        self.applied = -1
        self._news = threading.Condition()
        controller = self

        class Door(Answering):
            def do_POST(self) -> None:  # noqa: N802
                """Tell what came: the edge passes on calls that name no endpoint."""
                seen = {"path": self.path, "headers": dict(self.headers.items()), "body": self.body().decode()}
                self.answer(200, msgspec.json.encode(seen))

            def do_GET(self) -> None:  # noqa: N802
                query = parse_qs(urlsplit(self.path).query)
                after = int(query["after"][0])
                with controller._news:
                    controller.applied = after
                    controller._news.notify_all()
                    controller._news.wait_for(lambda: controller.table.generation != after, timeout=5)
                    table = controller.table
                self.answer(200, msgspec.json.encode(table))

        self._http = LocalHttp(Door)
        self.url = f"http://{self._http.address}"

    def publish(self, table: RoutingTable) -> None:
        """Show a table and return when the edge has acknowledged it."""
        with self._news:
            self.table = table
            self._news.notify_all()
            assert self._news.wait_for(lambda: self.applied == table.generation, timeout=10), "not acknowledged"

    def show(self, table: RoutingTable) -> None:
        with self._news:
            self.table = table
            self._news.notify_all()

    def close(self) -> None:
        with self._news:
            self.table = RoutingTable(generation=-2)
            self._news.notify_all()
        self._http.close()


class Telemetry:
    """Keeps the rows it was sent, each once; ``away`` answers 503."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.comparisons: list[bytes] = []
        self.away = False
        telemetry = self

        class Door(Answering):
            def do_POST(self) -> None:  # noqa: N802
                body = self.body()
                if telemetry.away:
                    self.answer(503, b"{}")
                    return
                (telemetry.comparisons if self.path == "/v1/comparisons" else telemetry.raw).append(body)
                self.answer(204, b"")

        self._http = LocalHttp(Door)
        self.url = f"http://{self._http.address}"

    def lines(self) -> list[bytes]:
        return list(dict.fromkeys(line for body in list(self.raw) for line in body.split(b"\n")[:-1]))

    def copies(self) -> list[Comparison]:
        """Return what became of copies, each line once."""
        lines = dict.fromkeys(line for body in list(self.comparisons) for line in body.splitlines())
        return [msgspec.json.decode(line, type=Comparison) for line in lines]

    def rows(self) -> list[dict[str, str]]:
        rows = []
        for line in self.lines():
            mark, *fields = line.decode().split("\t")
            assert mark == MARK
            assert len(fields) == len(COLUMNS), line
            rows.append(dict(zip(COLUMNS, fields, strict=True)))
        return rows

    def close(self) -> None:
        self._http.close()
