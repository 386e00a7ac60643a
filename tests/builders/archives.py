"""A machine whose compressor gives other bytes, as zlib-ng does beside zlib."""

import zipfile
from typing import Any

import pytest


def compress_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every zip that is written from now on be compressed less."""
    write = zipfile.ZipFile.writestr

    def writestr(zipped: zipfile.ZipFile, name: Any, data: Any, *given: Any, **more: Any) -> None:
        write(zipped, name, data, *given, **{**more, "compresslevel": 1})

    monkeypatch.setattr(zipfile.ZipFile, "writestr", writestr)
