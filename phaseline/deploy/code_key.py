"""Pure: the key of a function's package in the code bucket.

It contains two digests. The digest of the content (names, modes and bytes of the files) identifies
the code. The digest of the zip is the CodeSha256 that Lambda shows for it; it differs if another
compressor packed the same files.
"""

import base64
import re
from dataclasses import dataclass

_KEY = re.compile(r"code/(?P<function>\w+)/(?P<content>[0-9a-f]{64})-(?P<sha256>[0-9a-f]{64})\.zip")


@dataclass(frozen=True)
class CodeKey:
    """The key of a package: its function, and the digests of its content and its zip, in hex."""

    function: str
    content: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.prefix}{self.sha256}.zip"

    @property
    def prefix(self) -> str:
        """The beginning of the keys of all packages with the same content."""
        return f"code/{self.function}/{self.content}-"

    @property
    def code_sha256(self) -> str:
        """The digest of the zip in the format of CodeSha256."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


def parse(key: str) -> CodeKey | None:
    """Return the parts of a key, or None for a key that no deploy made.

    >>> parse("mine.zip") is None
    True
    """
    parts = _KEY.fullmatch(key)
    return CodeKey(**parts.groupdict()) if parts else None
