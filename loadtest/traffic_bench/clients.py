"""Clients that do not stop asking, whatever they are answered."""

import threading
import time
from typing import NamedTuple

import httpx

from loadtest.bench.engine_workspace import Served

CLIENTS, PAUSE_S = 4, 0.01  # together some 300 requests a second


class Answered(NamedTuple):
    """When a client asked, and what it got; status 0 where no answer came."""

    asked_s: float
    status: int
    text: str


class Asking:
    """They ask while the context lasts, each request with the ``headers`` of that moment."""

    def __init__(self, served: Served, body: bytes = b"{}") -> None:
        self.got: list[Answered] = []
        self.headers = dict(served.headers)
        self._url = served.url("/score")
        self._body = body
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> int:
        return sum(one.status != 200 for one in self.got)

    def _ask(self) -> None:
        with httpx.Client(timeout=30.0, trust_env=False) as client:
            while not self._stop.wait(PAUSE_S):
                asked_s = time.monotonic()
                try:
                    answer = client.post(self._url, content=self._body, headers=self.headers)
                    self.got.append(Answered(asked_s, answer.status_code, answer.text))
                except httpx.HTTPError as error:
                    self.got.append(Answered(asked_s, 0, repr(error)))
