"""Pure: the digest of a zip's content, which does not depend on the compressor.

Another version of zlib (zlib-ng, in some builds of Python) compresses the same files to other
bytes, so that two zips with equal files may differ in their bytes.
"""

import hashlib
import io
import json
import stat
import zipfile


def digest(data: bytes) -> str:
    """Return the SHA-256, in hex, of the names, modes and bytes of the files in a zip archive.

    Raises zipfile.BadZipFile.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        files = sorted(
            [
                entry.filename,
                (entry.external_attr >> 16) & ~stat.S_IFREG,  # the type "regular" may be left out
                hashlib.sha256(zipped.read(entry)).hexdigest(),
            ]
            for entry in zipped.infolist()
            if not entry.is_dir()
        )
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
