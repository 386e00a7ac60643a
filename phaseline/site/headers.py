"""Pure: the headers with which a file is served, and a frontend's rules for them.

S3 stores the headers with each object, and CloudFront passes them on. They are part of a file:
files with equal content and different headers are different.

A frontend may set headers in the file phaseline-headers.json, which is not published:

    {"/assets/*": {"Cache-Control": "public, max-age=31536000, immutable"},
     "/feeds/all": {"Content-Type": "application/rss+xml"}}

A pattern is the path of a file, in which `*` stands for any characters, including slashes. If
several patterns match, the last one that sets a header is used.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from phaseline.errors import InputError
from phaseline.site import hashed
from phaseline.site.manifests import NAME as MANIFEST

FILE: Final = "phaseline-headers.json"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
BRIEF: Final = "public, max-age=60, must-revalidate"
VALUE_LIMIT: Final = 512
"""Characters of one header: S3 keeps 2 KB of them for an object.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html"""
_FIELDS: Final = {
    "cache-control": "cache_control",
    "content-disposition": "content_disposition",
    "content-encoding": "content_encoding",
    "content-language": "content_language",
    "content-type": "content_type",
}
"""What S3 keeps with an object."""
_LOCATION: Final = "location"
_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;\s*[\w-]+=(\"[^\"]*\"|[\w.+-]+))*", re.ASCII)
_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True)
class Headers:
    """The headers of one file.

    `location` is the percent-encoded path to which visitors are redirected, or empty.
    """

    content_type: str
    cache_control: str
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    location: str | None = None

    @property
    def is_page(self) -> bool:
        """Whether the file is a page, which refers to other files and keeps its name."""
        return self.content_type.startswith(("text/html", "application/xhtml+xml"))

    @property
    def is_immutable(self) -> bool:
        """Whether browsers keep the file without requesting it again."""
        return "immutable" in self.cache_control.lower()

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any of the headers."""
        text = json.dumps([getattr(self, name) for name in (*_FIELDS.values(), _LOCATION)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def arguments(self) -> dict[str, Any]:
        """The headers as arguments of S3's PutObject."""
        given = {
            header.title().replace("-", ""): getattr(self, name) for header, name in _FIELDS.items()
        }
        metadata = {"Metadata": {_LOCATION: self.location}} if self.location else {}
        return {name: value for name, value in given.items() if value is not None} | metadata


def served(answer: Mapping[str, str]) -> Headers:
    """Return the headers of a visitor's answer, whose names are in lower case."""
    fields: dict[str, Any] = {name: answer.get(header) for header, name in _FIELDS.items()}
    return Headers(**fields, location=answer.get(f"x-amz-meta-{_LOCATION}"))


def default(key: str, content_type: str, bundled: Container[str] = ()) -> Headers:
    """Return the headers of a file for which the frontend has no rule.

    `bundled` are the folders whose scripts a bundler named.
    """
    made = Headers(content_type, BRIEF)
    is_kept = hashed.is_hashed(key, bundled) and not made.is_page and key != MANIFEST
    return replace(made, cache_control=IMMUTABLE) if is_kept else made


@dataclass(frozen=True)
class Rule:
    """Headers that a frontend sets for the paths that match a pattern."""

    pattern: str
    fields: Mapping[str, str]

    def matches(self, key: str) -> bool:
        """Return whether the pattern matches the file with this key."""
        parts = map(re.escape, self.pattern.split("*"))
        return re.fullmatch(".*".join(parts), f"/{key}", re.DOTALL) is not None


@dataclass(frozen=True)
class Rules:
    """The rules of a frontend. None applies to the manifest, which must not be cached for long."""

    rules: Sequence[Rule]
    where: str

    def apply(self, key: str, headers: Headers) -> Headers:
        """Return the headers of a file. Raises InputError for a page that browsers would keep for
        ever."""
        if key == MANIFEST:
            return headers
        for rule in self.rules:
            if rule.matches(key):
                headers = replace(headers, **rule.fields)
                self._check(rule, key, headers)
        return headers

    def _check(self, rule: Rule, key: str, headers: Headers) -> None:
        if headers.is_page and headers.is_immutable:
            raise _wrong(
                self.where,
                f"{rule.pattern!r}: the page {key} would be immutable, and browsers would never"
                " show another version of it",
                "Narrow the pattern, or leave out `immutable`.",
            )


def parse(data: bytes, where: str) -> Rules:
    """Parse the file with a frontend's rules. Raises InputError, which names `where`."""
    try:
        body = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _wrong(where, f"expected JSON, found {error}", "Correct the file.") from error
    if not isinstance(body, dict):
        raise _wrong(where, f"expected an object, found {type(body).__name__}", _EXAMPLE)
    return Rules([_rule(where, *entry) for entry in body.items()], where)


_EXAMPLE: Final = 'Write patterns and headers: {"/feeds/*": {"Content-Type": "text/plain"}}.'


def _rule(where: str, pattern: str, headers: Any) -> Rule:
    if not pattern.startswith("/"):
        raise _wrong(where, f"{pattern!r} does not begin with a slash", _EXAMPLE)
    if not isinstance(headers, dict) or not headers:
        raise _wrong(where, f"{pattern!r}: expected headers, found {headers!r}", _EXAMPLE)
    fields = {}
    for name, value in headers.items():
        field = _FIELDS.get(name.lower())
        if field is None:
            raise _wrong(
                where,
                f"{pattern!r}: the header {name!r} can't be set",
                f"Use one of {', '.join(header.title() for header in _FIELDS)}.",
            )
        if not isinstance(value, str) or len(value) > VALUE_LIMIT or not _VALUE.fullmatch(value):
            raise _wrong(
                where,
                f"{pattern!r}: expected text of printable ASCII characters for {name},"
                f" found {value!r}",
                f"Use at most {VALUE_LIMIT} characters, without blanks around them.",
            )
        if field == "content_type" and not _TYPE.fullmatch(value):
            raise _wrong(
                where,
                f"{pattern!r}: {value!r} is no content type",
                "Write one such as text/html; charset=utf-8.",
            )
        if field in fields:
            raise _wrong(where, f"{pattern!r}: {name} is set twice", "Remove one of them.")
        fields[field] = value
    return Rule(pattern, fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"{twice[0]!r} twice")
    return dict(pairs)


def _wrong(where: str, found: str, remedy: str) -> InputError:
    return InputError(where, found, remedy)
