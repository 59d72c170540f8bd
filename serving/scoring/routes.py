"""From a path to its doors: percent encoding, names without regard to case, ``*`` for any one segment."""

from __future__ import annotations

from typing import Dict, List
from urllib.parse import unquote_to_bytes

from .doors import Door, Doors
from .errors import MethodNotAllowed, NotFound
from .http.messages import Request


class Routes:
    """Finds the door of a request in the door table."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        models = [path.split(b"/")[3] for path in doors if path.startswith(b"/v2/models/") and path.endswith(b"/infer")]
        self._models = {name.lower(): name for name in models}
        self._patterns = [(path.split(b"/"), doors[path]) for path in doors if b"*" in path]

    def door(self, request: Request) -> Door:
        """Return the door; HEAD is answered as GET.

        Raises:
            NotFound: worded as the path's protocol words an unknown model or version.
            MethodNotAllowed
        """
        doors = self._doors.get(request.path) or self._look_closer(request.path)
        door = doors.get(request.method) or (doors.get(b"GET") if request.method == b"HEAD" else None)
        if door is None:
            method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
            allowed = b", ".join(doors).decode()
            raise MethodNotAllowed(f"{method} is not allowed on {path}: use {allowed}", allowed)
        return door

    def _look_closer(self, path: bytes) -> Dict[bytes, Door]:
        parts = [unquote_to_bytes(part) for part in path.split(b"/")]
        if len(parts) > 3:
            name, colon, verb = parts[3].partition(b":")  # KServe's first protocol has ``NAME:predict``
            parts[3] = self._models.get(name.lower(), name) + colon + verb
        doors = self._doors.get(b"/".join(parts))
        if doors is not None:
            return doors
        for pattern, doors in self._patterns:
            if len(pattern) == len(parts) and all(want in (b"*", part) for want, part in zip(pattern, parts)):
                return doors
        raise self._unknown([part.decode("utf-8", "replace") for part in parts])

    def _unknown(self, parts: List[str]) -> NotFound:
        if parts[1:3] == ["v1", "models"] and len(parts) > 3:
            name = parts[3].split(":")[0]
            if name.lower().encode() not in self._models:
                return NotFound(f"Model with name {name} does not exist.")
        if parts[1:3] == ["v2", "models"] and len(parts) > 3:
            if parts[3].lower().encode() not in self._models:
                return NotFound(f"Request for unknown model: '{parts[3]}' is not found")
            if len(parts) > 5 and parts[4] == "versions":
                return NotFound(f"Request for unknown model: '{parts[3]}' version {parts[5]} is not found")
        return NotFound(f"there is nothing at {'/'.join(parts)}")
