"""The Content-Type of a file, by its name and by its content."""

import mimetypes

import pytest

from phaseline.site import content_types
from phaseline.site.content_types import by_content, by_name, has_suffix

OTHERWISE = {
    ".cjs",
    ".opus",
    ".rdf",
    ".rtf",
    ".vcf",
    ".wav",
    ".xml",
    ".js",
    ".mjs",
    ".md",
    ".ts",
}
"""Where versions of the standard library differ from each other, or from IANA."""


@pytest.mark.parametrize(
    ("key", "type_"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("phaseline.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("a.webp", "image/webp"),
        ("a.tar.gz", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
        (".well-known/apple-app-site-association", "application/json"),
        ("feed.rss", "application/rss+xml"),
        ("feed.atom", "application/atom+xml"),
        ("sitemap.xml", "application/xml"),
        ("a.otf", "font/otf"),
        ("a.ttf", "font/ttf"),
        ("a.js.map", "application/json"),
        ("site.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.avif", "image/avif"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("A.PNG", "image/png"),
        ("a.b/c", "application/octet-stream"),
        (".png", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_content_types(key: str, type_: str) -> None:
    """The Content-Type follows the suffix, the same on every machine."""
    assert by_name(key) == type_


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.css", True),
        ("about", False),
        ("v1.2/about", False),
        ("release-1.2", False),
        (".hidden", False),
        ("a.b/LICENSE", False),
        (".well-known/apple-app-site-association", True),
    ],
)
def test_a_name_with_a_suffix_says_what_it_is(key: str, expected: bool) -> None:
    """Other files are looked into."""
    assert has_suffix(key) is expected


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b"<!DOCTYPE html><title>About</title>", "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf\n <html lang='de'>", "text/html; charset=utf-8"),
        (b'{"issuer": "https://example.com"}', "application/json"),
        (b'[{"a": 1}]', "application/json"),
        (b"{}", "application/json"),
        (b"MIT License\n", "text/plain; charset=utf-8"),
        ("größe ".encode() * 500, "text/plain; charset=utf-8"),
        (("x" * 1023 + "ö").encode(), "text/plain; charset=utf-8"),
        (b"<htmlx>", "text/plain; charset=utf-8"),
        (b"", "application/octet-stream"),
        (b"\x7fELF\x02\x01\x01\x00", "application/octet-stream"),
        (b"\x89PNG\r\n\x1a\n", "application/octet-stream"),
        (b"caf\xe9", "application/octet-stream"),
    ],
)
def test_a_file_without_a_suffix_is_known_by_its_content(content: bytes, type_: str) -> None:
    """A page called `about` is a page, a licence is text, and a program is neither."""
    assert by_content(content) == type_


def test_the_table_agrees_with_the_standard_library() -> None:
    """Where this has a suffix too, apart from those that its versions change."""
    library = mimetypes.MimeTypes().types_map[1]
    table = {f".{suffix}": type_ for suffix, type_ in content_types._TYPES.items()}
    both = table.keys() & library.keys() - OTHERWISE
    assert len(both) > 30
    assert {suffix: table[suffix] for suffix in both} == {
        suffix: library[suffix] for suffix in both
    }
