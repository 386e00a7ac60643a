"""What zip archives contain."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline import archive
from phaseline.deploy import content

FILES = {"a.py": b"x = 1\n" * 99, "b/c.py": b""}
REGULAR, LINK = 0o100000, 0o120000


def packed(files: dict[str, bytes], *, mode: int = 0o644, **options: int) -> bytes:
    """A zip as another program writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as zipped:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2026, 11, 26, 12, 0, 0))
            entry.external_attr = mode << 16
            entry.compress_type = zipped.compression
            zipped.writestr(entry, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        packed(FILES),
        packed(FILES, compression=zipfile.ZIP_DEFLATED, compresslevel=1),
        packed(FILES, compression=zipfile.ZIP_BZIP2),
        packed(dict(reversed(FILES.items()))),
        packed(FILES, mode=REGULAR | 0o644),
        packed(FILES | {"b/": b""}),
    ],
)
def test_same_files_have_the_same_content(data: bytes) -> None:
    """Whatever the compressor, the times, the order and entries for folders are."""
    assert data != archive.pack(FILES)
    assert content.digest(data) == content.digest(archive.pack(FILES))


@pytest.mark.parametrize(
    "data",
    [
        packed({"a.py": b"x = 2\n" * 99, "b/c.py": b""}),
        packed({"a.py": FILES["a.py"], "b/d.py": b""}),
        packed({"a.py": FILES["a.py"]}),
        packed(FILES | {"c.py": b""}),
        packed(FILES, mode=0o600),
        packed(FILES, mode=LINK | 0o644),
        packed({"a.py": b"", "b/c.py": FILES["a.py"]}),
        packed({}),
    ],
)
def test_other_files_have_another_content(data: bytes) -> None:
    """By a name, a mode, a byte, a file more or less, and by what is a link."""
    assert content.digest(data) != content.digest(archive.pack(FILES))


@given(st.dictionaries(st.text("ab/.\u00e9\u4e2d", min_size=1, max_size=5), st.binary(max_size=9)))
def test_content_of_any_files_is_that_of_what_was_packed(files: dict[str, bytes]) -> None:
    files = {name: data for name, data in files.items() if not name.endswith("/")}
    again = {entry: zipfile.ZipFile(io.BytesIO(archive.pack(files))).read(entry) for entry in files}
    assert content.digest(archive.pack(again)) == content.digest(archive.pack(files))


def test_what_is_no_zip_has_no_content() -> None:
    with pytest.raises(zipfile.BadZipFile):
        content.digest(b"no zip")
