"""Creates zip archives whose bytes depend only on the content and on the version of zlib.

Files of archives that others may have written are read up to a limit.
"""

import io
import zipfile
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip entry can have."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of `files`, a mapping of names to contents.

    Equal files give equal bytes wherever zlib compresses alike.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix; otherwise the bytes depend on the platform
            entry.external_attr = 0o644 << 16  # readable by Lambda's and CodeBuild's own user
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, files[name])
    return buffer.getvalue()


def read(zipped: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the content of the file `name`, of at most `limit` bytes.

    A file of a few kilobytes may expand to more than the memory, whatever size the archive states.
    So a larger file is refused by the stated size, and never expanded beyond the limit. Raises
    ValueError for a larger file, and KeyError if there is none.
    """
    stated = zipped.getinfo(name).file_size
    if stated <= limit:
        with zipped.open(name) as file:
            content = file.read(limit + 1)  # read() without a limit would expand all at once
        if len(content) == stated:
            return content
    raise ValueError(f"{name} expands to {stated:,} bytes or more; the limit is {limit:,}")
