"""The headers of files, and the rules of a frontend about them."""

import json
from typing import Any

import pytest

from phaseline.errors import InputError
from phaseline.site import headers
from phaseline.site.headers import BRIEF, IMMUTABLE, Headers

PAGE = Headers("text/html; charset=utf-8", BRIEF)
SCRIPT = Headers("text/javascript; charset=utf-8", BRIEF)


def rules(body: Any) -> headers.Rules:
    """The rules of a frontend with this file."""
    return headers.parse(json.dumps(body).encode(), "here")


@pytest.mark.parametrize(
    ("key", "immutable"),
    [
        ("assets/style.3f9ac01b.css", True),
        ("style.3f9ac01b77de.css", True),
        ("style.css", False),
        ("style.1234567.css", False),
        ("deadbeef.css", False),
        ("index.html", False),
        ("phaseline.json", False),
    ],
)
def test_only_hashed_names_are_cached_for_ever(key: str, immutable: bool) -> None:
    """A name that stays while its content changes is asked for again after a minute."""
    header = headers.default(key, "text/css").cache_control
    assert ("immutable" in header) == immutable
    assert immutable or header == "public, max-age=60, must-revalidate"


def test_a_page_is_never_immutable() -> None:
    """Not even one without a suffix, whose name looks like a hash."""
    assert headers.default("page.3f9ac01b.d", PAGE.content_type).cache_control == BRIEF


def test_each_header_changes_the_digest() -> None:
    """No two sets of headers are taken for the same."""
    made = [
        PAGE,
        SCRIPT,
        Headers(PAGE.content_type, IMMUTABLE),
        Headers(PAGE.content_type, BRIEF, content_disposition="inline"),
        Headers(PAGE.content_type, BRIEF, content_encoding="inline"),
        Headers(PAGE.content_type, BRIEF, content_language="inline"),
        Headers(PAGE.content_type, BRIEF, location="inline"),
    ]
    assert len({one.digest for one in made}) == len(made)


def test_what_visitors_get_is_what_was_kept() -> None:
    """The headers of an answer, with those of the CDN beside them, have the same digest."""
    answer = {"content-type": PAGE.content_type, "cache-control": BRIEF, "x-cache": "Hit"}
    assert headers.served(answer).digest == PAGE.digest


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("/a.js", "a.js", True),
        ("/a.js", "b/a.js", False),
        ("/*.js", "b/a.js", True),
        ("/b/*", "b/a.js", True),
        ("/b/*", "c/b/a.js", False),
        ("/*/a*", "b/c/a.js", True),
        ("/a.js*", "a.js", True),
        ("/a?js", "a.js", False),
        ("/[a].js", "a.js", False),
        ("/[a].js", "[a].js", True),
        ("/größe.js", "größe.js", True),
    ],
)
def test_patterns(pattern: str, key: str, expected: bool) -> None:
    """Only the asterisk means something else than itself."""
    made = rules({pattern: {"Cache-Control": "no-cache"}}).apply(key, SCRIPT)
    assert (made.cache_control == "no-cache") is expected


def test_the_last_rule_wins_for_each_header() -> None:
    """A later pattern leaves alone what it does not name; names of headers have no case."""
    made = rules(
        {
            "/*": {"Cache-Control": "no-cache", "Content-Language": "en"},
            "/de/*": {"content-language": "de"},
        }
    ).apply("de/a.js", SCRIPT)
    assert (made.cache_control, made.content_language) == ("no-cache", "de")


def test_the_manifest_has_no_rules() -> None:
    """Visitors must get a new one at once, whatever a wide pattern says."""
    made = rules({"/*": {"Cache-Control": "max-age=86400"}})
    assert made.apply("phaseline.json", SCRIPT) == SCRIPT


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "expected JSON"),
        (b"\xff", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", "expected an object, found list"),
        (b'{"a.js": {"Cache-Control": "x"}}', "'a.js' does not begin with a slash"),
        (b'{"/a": []}', "expected headers"),
        (b'{"/a": {}}', "expected headers"),
        (b'{"/a": {"X-Frame-Options": "DENY"}}', "'X-Frame-Options' can't be set"),
        (b'{"/a": {"Cache-Control": 60}}', "found 60"),
        (b'{"/a": {"Cache-Control": ""}}', "found ''"),
        (b'{"/a": {"Cache-Control": "a\\nb: c"}}', "printable ASCII"),
        ('{"/a": {"Cache-Control": "größe"}}'.encode(), "printable ASCII"),
        (b'{"/a": {"Cache-Control": "%s"}}' % (b"x" * 513), "printable ASCII"),
        (b'{"/a": {"Content-Type": "html"}}', "'html' is no content type"),
        (b'{"/a": {"Content-Type": "text/html; charset"}}', "no content type"),
        (b'{"/a": {"Content-Type": "a/b", "content-type": "a/c"}}', "set twice"),
        (b'{"/a": {"Content-Type": "a/b"}, "/a": {"Content-Type": "a/c"}}', "'/a' twice"),
    ],
)
def test_a_wrong_file_is_refused(body: bytes, said: str) -> None:
    """The error names the file, the pattern and what was found."""
    with pytest.raises(InputError, match="here") as raised:
        headers.parse(body, "here")
    assert said in str(raised.value)


def test_a_page_can_not_be_made_immutable() -> None:
    """Browsers would never show another version of it; a script may be."""
    made = rules({"/*": {"Cache-Control": IMMUTABLE}})
    assert made.apply("a.js", SCRIPT).cache_control == IMMUTABLE
    with pytest.raises(InputError, match=r"'/\*': the page about would be immutable"):
        made.apply("about", PAGE)
