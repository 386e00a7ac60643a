"""Pure: the objects of the website's bucket for a build.

These are the public files of the build, and the objects that let visitors request a page by a clean
URL, as the servers of Hugo, Next.js, Docusaurus and others do:

    about.html        is also at /about, as a second object with the same content
    blog/index.html   is at /blog/, by a function of the distribution. /blog redirects there, by an
                      empty object whose metadata contain the location
    404.html          is served for missing files; a plain page if the build has none
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from phaseline.site import content_types, hashed, headers
from phaseline.site.headers import BRIEF, Headers, Rules

KEY_LIMIT: Final = 1024
"""Bytes of an S3 key. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
NOT_FOUND: Final = "404.html"
NOT_FOUND_PAGE: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Not found</title>
<h1>Not found</h1>
<p>There is no page at this address. <a href="/">Go to the start page.</a></p>
</html>
"""
_FOR_VISITORS: Final = ".well-known"
"""The one name with a dot before it that is for visitors. https://www.rfc-editor.org/rfc/rfc8615"""
_LEFT_BEHIND: Final = {"__MACOSX", "Icon\r", "Thumbs.db", "desktop.ini", headers.FILE}
_FOLDERS: Final = {".", ".."}
_REFUSED: Final = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of characters and separators of lines and paragraphs."""
_NO_XML: Final = {"\ufffe", "\uffff"}
"""Characters that no request to S3 can name. https://www.w3.org/TR/xml/#charsets"""
_INDEX: Final = "index.html"
PAGE: Final = "text/html; charset=utf-8"
LOCATION_LIMIT: Final = 1_500
"""Characters of a place to which visitors are led: S3 keeps 2 KB of metadata for an object."""


@dataclass(frozen=True)
class File:
    """An object of the website: the name of its file in the build, or its content."""

    source: str | bytes
    headers: Headers


def is_key(name: str) -> bool:
    """Return whether the name of a file in a build can be a key that visitors request."""
    parts = name.split("/")
    return (
        len(name.encode("utf-8", "surrogatepass")) <= KEY_LIMIT
        and not {"", *_FOLDERS} & set(parts)
        and "\\" not in name
        and not any(unicodedata.category(sign) in _REFUSED or sign in _NO_XML for sign in name)
    )


def is_for_visitors(name: str) -> bool:
    """Return whether a file is published. Files of git, editors and Phaseline are not."""
    parts = name.removeprefix(f"{_FOR_VISITORS}/").split("/")
    hidden = any(part.startswith(".") and part not in _FOLDERS for part in parts)
    return not hidden and not _LEFT_BEHIND & set(parts)


def of(names: Iterable[str], head: Callable[[str], bytes], rules: Rules | None) -> dict[str, File]:
    """Return the objects by key, for a build with files of these `names`.

    `head` returns the first bytes of a file. It is called for files without a suffix. Raises
    InputError for a forbidden rule.
    """
    shown = sorted(filter(is_for_visitors, names))
    bundled, made = hashed.folders(shown), {}
    for name in shown:
        named = content_types.has_suffix(name)
        type_ = content_types.by_name(name) if named else content_types.by_content(head(name))
        made[name] = File(name, headers.default(name, type_, bundled))
    made.setdefault(NOT_FOUND, File(NOT_FOUND_PAGE, headers.default(NOT_FOUND, PAGE)))
    if rules:
        made = {
            key: replace(file, headers=rules.apply(key, file.headers)) for key, file in made.items()
        }
    return made | _clean(made)


def _clean(files: Mapping[str, File]) -> dict[str, File]:
    """Return the objects for clean URLs at which the build has no file."""
    made = {}
    for key, file in files.items():
        folder, _, name = key.rpartition("/")
        if name == _INDEX:
            to = f"/{quote(folder)}/"
            if folder and f"{folder}.html" not in files and len(to) <= LOCATION_LIMIT:
                made[folder] = File(b"", Headers(PAGE, BRIEF, location=to))
        elif name.endswith(".html") and name not in (NOT_FOUND, ".html"):
            made[key.removesuffix(".html")] = file
    return {key: file for key, file in made.items() if key not in files}
