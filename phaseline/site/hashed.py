"""Pure: whether the name of a file changes with its content, so that it may be kept for ever.

A name that is taken for one by mistake is never asked for again by whoever has it; one that is
missed is asked for again after a minute. So only what is sure counts. A frontend can say more in
phaseline-headers.json.
"""

import re
from typing import Final

FOLDERS: Final = ("_next/static/", "_app/immutable/")
"""What Next.js and SvelteKit put there, they keep for ever themselves.
https://nextjs.org/docs/app/guides/self-hosting#static-assets"""
_PAGES: Final = (".html", ".htm", ".xhtml", ".xht")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){4,}")
"""Of webpack, Docusaurus, Hugo, MkDocs Material: `main.3f2a1b9c.css`, `bundle.6c14ae12.min.js`."""
_BASE32: Final = re.compile(r"[A-Z2-7]{8}")
"""Of esbuild and Angular, which call what they split off a chunk: `chunk-PABCDEFG.mjs`."""
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]{8}")
"""Of Vite, Rollup and esbuild: `index-BX3k9aZ1.js`, `main-5F2JKLMN.js`."""
_DATE: Final = re.compile(r"(19|20)\d{2}[01]\d[0-3]\d")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z][a-z]{3}")
_CHANGE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
CHANGES: Final = 3
"""Changes between letters, capitals and digits that make eight characters no word: `Vector3D` has
two, `BX3k9aZ1` has six."""


def is_hashed(key: str) -> bool:
    """Whether the name of this file changes with its content; a page's never does."""
    name = key.rpartition("/")[2]
    if name.lower().endswith(_PAGES):
        return False
    if key.startswith(FOLDERS):
        return True
    stem, _, _ = name.rpartition(".")
    if _UUID.search(stem):
        return False  # names a thing, not its content
    first, *parts = re.split(r"[.-]", stem)
    return any(map(_is_hex, parts)) or _ends_in_hash(stem, first)


def _is_hex(part: str) -> bool:
    mixed = re.search(r"\d", part) and re.search(r"[a-f]", part)
    return bool(_HEX.fullmatch(part) and mixed and not _DATE.match(part))


def _ends_in_hash(stem: str, first: str) -> bool:
    before, tail = stem[:-8], stem[-8:]
    if not before.endswith(("-", ".")) or not first:
        return False
    if _BASE32.fullmatch(tail) and first == "chunk":
        return True
    random = len(_CHANGE.findall(tail)) >= CHANGES and not _WORD.search(tail)
    return bool(_BASE64.fullmatch(tail)) and random
