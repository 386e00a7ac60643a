"""Files of zip archives that others may have written."""

import io
import struct
import zipfile
import zlib

import pytest

from phaseline import archive


def stating(size: int, content: bytes) -> bytes:
    """Return an archive whose file `a` states another size than its content has."""
    packed = archive.pack({"a": content})
    return packed.replace(struct.pack("<L", len(content)), struct.pack("<L", size))


@pytest.mark.parametrize("size", [10, 11, 4_000_000])
def test_file_is_read_up_to_the_limit(size: int) -> None:
    content = b" " * size
    with zipfile.ZipFile(io.BytesIO(archive.pack({"a": content}))) as zipped:
        if size == 10:
            assert archive.read(zipped, "a", 10) == content
            return
        with pytest.raises(ValueError, match=rf"a expands to {size:,} bytes or more; the limit is"):
            archive.read(zipped, "a", 10)


@pytest.mark.parametrize("stated", [3, 4_999])
def test_file_that_states_a_smaller_size_is_not_expanded_beyond_it(
    stated: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size in the archive is what its author wrote."""
    expanded = []

    class Counting:
        def __init__(self) -> None:
            self._inner = zlib.decompressobj(-15)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, limit: int = 0) -> bytes:
            piece = self._inner.decompress(data, limit)
            expanded.append(len(piece))
            return piece

    monkeypatch.setattr(zipfile, "_get_decompressor", lambda _: Counting())
    data = stating(stated, b" " * 5_000_000)
    with (
        zipfile.ZipFile(io.BytesIO(data)) as zipped,
        pytest.raises((ValueError, zipfile.BadZipFile)),
    ):
        archive.read(zipped, "a", 5_000)
    assert 0 < sum(expanded) <= 5_000 + zipfile.ZipExtFile.MIN_READ_SIZE


def test_missing_file_is_a_key_error() -> None:
    with zipfile.ZipFile(io.BytesIO(archive.pack({}))) as zipped, pytest.raises(KeyError):
        archive.read(zipped, "a", 10)
