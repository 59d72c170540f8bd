"""Wheels of one empty module."""

import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(path: Path, also: Mapping[str, str] | None = None) -> bytes:
    """Write a wheel of one empty module, and ``also`` other files of it, and return its bytes."""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {"mine.py": "", **(also or {})}.items():
            wheel.writestr(name, text)
        wheel.writestr("mine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        wheel.writestr("mine-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("mine-1.0.dist-info/RECORD", "")
    return path.read_bytes()
