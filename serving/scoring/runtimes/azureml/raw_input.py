"""The request itself as the argument of a run() with @rawhttp."""

from __future__ import annotations

from typing import Any, Dict

from ..base import HttpRequest
from .flask_requests import Requests


class RawInput:
    """Of a run() with @rawhttp: whatever the method, the request as Flask's or the like of it."""

    def __init__(self, name: str, requests: Requests) -> None:
        self._name = name
        self._requests = requests

    def arguments(self, request: HttpRequest) -> Dict[str, Any]:
        return {self._name: self._requests.current(request)}
