"""Headers, forms and files as scripts know them from werkzeug: of each only what scripts use."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import IO, Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union


class Headers:
    """HTTP headers in their order. A name may occur several times, and its case does not matter."""

    def __init__(self, pairs: Iterable[Tuple[str, str]] = ()) -> None:
        self._pairs: List[Tuple[str, str]] = list(pairs)

    def add(self, name: str, value: Any) -> None:
        self._pairs.append((str(name), str(value)))

    add_header = add

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value."""
        return next(iter(self.getlist(name)), default)

    def getlist(self, name: str) -> List[str]:
        return [value for known, value in self._pairs if known.lower() == name.lower()]

    get_all = getlist

    def remove(self, name: str) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != name.lower()]

    def keys(self) -> List[str]:
        return [name for name, _ in self._pairs]

    def values(self) -> List[str]:
        return [value for _, value in self._pairs]

    def items(self) -> List[Tuple[str, str]]:
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        for value in self.getlist(name):
            return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.remove(name)
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        self.remove(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.getlist(name))

    def __iter__(self) -> Iterator[Tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


class MultiDict(Dict[str, Any]):
    """A form or query: ``[]`` and ``get`` give the first value of a name, ``getlist`` all."""

    def __init__(self, pairs: Iterable[Tuple[str, Any]] = ()) -> None:
        super().__init__()
        self._several: Dict[str, List[Any]] = {}
        for name, value in pairs:
            self._several.setdefault(name, []).append(value)
            self.setdefault(name, value)

    def getlist(self, name: str) -> List[Any]:
        return list(self._several.get(name, ()))

    def get(self, name: str, default: Any = None, type: Any = None) -> Any:
        """Return the first value, as ``type`` makes it; the default if there is none or it cannot be made."""
        if name not in self:
            return default
        try:
            return self[name] if type is None else type(self[name])
        except (ValueError, TypeError):
            return default

    def lists(self) -> Iterable[Tuple[str, List[Any]]]:
        return self._several.items()

    def to_dict(self, flat: bool = True) -> Dict[str, Any]:
        return dict(self) if flat else {name: list(values) for name, values in self._several.items()}


class FileStorage:
    """A file of a form."""

    def __init__(self, content: bytes, filename: str, name: str, headers: Headers) -> None:
        self.stream = io.BytesIO(content)
        self.filename: Optional[str] = filename
        self.name = name
        self.headers = headers
        self.content_type: str = headers.get("Content-Type", "")
        self.content_length = len(content)
        self.mimetype = self.content_type.partition(";")[0].strip().lower()
        self.read, self.readline, self.seek = self.stream.read, self.stream.readline, self.stream.seek
        self.close, self.tell = self.stream.close, self.stream.tell

    def save(self, target: Union[str, Path, IO[bytes]]) -> None:
        """Write what is left of it to a path or an open file."""
        if isinstance(target, (str, Path)):
            with Path(target).open("wb") as file:
                shutil.copyfileobj(self.stream, file)
        else:
            shutil.copyfileobj(self.stream, target)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __bool__(self) -> bool:
        return bool(self.filename)
