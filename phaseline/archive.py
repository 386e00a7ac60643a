"""Creates zip archives whose bytes depend only on the content and on the version of zlib."""

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
