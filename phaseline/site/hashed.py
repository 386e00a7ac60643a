"""Pure: whether the name of a file changes with its content, so that browsers may keep it for ever.

If a name is wrongly taken for a hashed one, browsers never request the file again. If a hashed name
is missed, they request it again after a minute. So only certain names count. A frontend can name
others in phaseline-headers.json.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Final

FOLDERS: Final = ("_next/static/", "_app/immutable/")
"""What Next.js and SvelteKit put there, they keep for ever themselves.
https://nextjs.org/docs/app/guides/self-hosting#static-assets"""
_PAGES: Final = (".html", ".htm", ".xhtml", ".xht")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){4,}")
"""Of webpack, Docusaurus, Hugo, MkDocs Material: `main.3f2a1b9c.css`, `bundle.6c14ae12.min.js`."""
_BASE32: Final = re.compile(r"[A-Z2-7]{8}")
"""Of esbuild and Angular, which call what they split off a chunk: `chunk-PABCDEFG.mjs`."""
_BASE64: Final = re.compile(r"(?=.*[A-Z0-9])[A-Za-z0-9_-]{8}")
"""Of Vite, Rollup and esbuild: `index-BX3k9aZ1.js`, `main-5F2JKLMN.js`, `index-DiwrgTda.css`. Some
look like words, and some words like them. But where they stand, all scripts have one."""
_SCRIPTS: Final = (".js", ".mjs", ".cjs", ".css")
_DATE: Final = re.compile(r"(19|20)\d{2}[01]\d[0-3]\d")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z][a-z]{3}")
_CHANGE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
CHANGES: Final = 3
"""Changes between letters, capitals and digits that make eight characters no word: `Vector3D` has
two."""
CERTAIN: Final = 5
"""Changes that make them a hash wherever they stand, if letters and capitals are among them:
`Es6ToEs5` has four, `BX3k9aZ1` has six."""


def folders(names: Iterable[str]) -> frozenset[str]:
    """Return the folders whose scripts and styles a bundler named.

    All their names end in eight characters that may be a hash, and at least one in characters that
    are not a word.
    """
    tails = defaultdict(list)
    for name in names:
        if name.endswith(_SCRIPTS):
            tails[name.rpartition("/")[0]].append(_tail(name))
    return frozenset(
        folder
        for folder, found in tails.items()
        if all(map(_BASE64.fullmatch, found)) and any(map(_is_random, found))
    )


def is_hashed(key: str, bundled: Container[str] = ()) -> bool:
    """Return whether the name of this file changes with its content. That of a page never does.

    `bundled` are the folders whose scripts a bundler named.
    """
    folder, _, name = key.rpartition("/")
    if name.lower().endswith(_PAGES):
        return False
    if key.startswith(FOLDERS):
        return True
    stem, _, _ = name.rpartition(".")
    if _UUID.search(stem):
        return False  # names a thing, not its content
    if any(map(_is_hex, re.split(r"[.-]", stem)[1:])):
        return True
    tail = _tail(name)
    if _is_certain(tail) or (stem.startswith("chunk-") and _BASE32.fullmatch(tail)):
        return True
    scripts = name.removesuffix(".map").endswith(_SCRIPTS)
    return folder in bundled and bool(_BASE64.fullmatch(tail)) and (scripts or _is_random(tail))


def _is_hex(part: str) -> bool:
    mixed = re.search(r"\d", part) and re.search(r"[a-f]", part)
    return bool(_HEX.fullmatch(part) and mixed and not _DATE.match(part))


def _tail(name: str) -> str:
    """Return the eight characters after a hyphen or dot at the end of a name, or fewer."""
    stem = name.rpartition("/")[2].removesuffix(".map").rpartition(".")[0]
    before, tail = stem[:-8], stem[-8:]
    return tail if len(before) > 1 and before.endswith(("-", ".")) else ""


def _is_random(tail: str, changes: int = CHANGES) -> bool:
    return len(_CHANGE.findall(tail)) >= changes and not _WORD.search(tail)


def _is_certain(tail: str) -> bool:
    return tail.lower() != tail != tail.upper() and _is_random(tail, CERTAIN)
