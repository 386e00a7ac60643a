"""The paths of an invalidation name every spelling, and its reference belongs to the execution."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cdn.invalidation_paths import is_taken, names
from phaseline.site import invalidation_paths


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (None, ("/*",)),
        ([], ()),
        (["/a.css"], ("/a.css",)),
        (["/index.html"], ("/", "/index.html")),
        (["/blog/index.html"], ("/blog/", "/blog/index.html")),
        (["/myindex.html"], ("/myindex.html",)),
        (["/a b.html"], ("/a*",)),
        (["/größe.html"], ("/gr*",)),
        (["/100%.html", "/a#b", "/b{x}"], ("/100*", "/a*", "/b*")),
        (["/a+b@c,d;e=f&g.html"], ("/a*",)),
        (["/~me.html"], ("/*",)),
        (["/assets/vendors~main.js", "/index.html"], ("/", "/assets/vendors*", "/index.html")),
        (["/q?x.html"], ("/q*",)),
        (["/a*b.html"], ("/a*",)),
        (["/a(1).html", "/a.html", "/a/b.html", "/b.html"], ("/a*", "/b.html")),
        (["/a b.html", "/a/ö.html", "/a/b/ö.html"], ("/a*",)),
        (["/日本/index.html", "/a.html"], ("/*",)),
        (["/a ", "/b ", "/c ", "/d ", "/e "], ("/a*", "/b*", "/c*", "/d*", "/e*")),
        (["/a ", "/b ", "/c ", "/d ", "/e ", "/f "], ("/*",)),
    ],
)
def test_paths(changed: list[str] | None, expected: tuple[str, ...]) -> None:
    """Paths are sorted, what has several spellings is covered by a wildcard, and an index counts
    as its folder."""
    assert set(invalidation_paths.paths(changed)) == set(expected)
    assert list(invalidation_paths.paths(changed)) == sorted(expected)


def test_many_paths_become_everything() -> None:
    """A hundred paths are named; one more, and `/*` takes their place."""
    hundred = [f"/{number}.css" for number in range(100)]
    assert len(invalidation_paths.paths(hundred)) == 100
    assert invalidation_paths.paths([*hundred, "/more.css"]) == ("/*",)


NAMES = st.text(
    st.sampled_from("abZ09-._/ ~%+?#*&=()[]{}'\"<>^|`@,;:!$öß日\u202f\U0001f600"), min_size=1
)
KEYS = st.lists(NAMES | st.text(min_size=1), min_size=1, max_size=8).map(
    lambda names: [name.encode("utf-8", "ignore").decode() or "a" for name in names]
)
ALONE = set(' "#%<>?`')
"""ASCII that no client sends as it is, or that would end the path."""


@st.composite
def spellings(draw: st.DrawFn, key: str) -> str:
    """One of the paths by which visitors may ask for a file.

    Letters, digits, hyphens, dots and underscores are sent as they are: RFC 3986 says so.
    """
    path = "/"
    for sign in key:
        if sign in invalidation_paths.PLAIN:
            path += sign
            continue
        encoded = "".join(f"%{byte:02X}" for byte in sign.encode())
        forms = [encoded, encoded.lower()]
        if "!" <= sign <= "~" and sign not in ALONE:
            forms.append(sign)
        if sign == " ":
            forms.append("+")  # S3 decodes it so
        path += draw(st.sampled_from(forms))
    return path


@given(KEYS, st.data())
def test_paths_are_taken_and_name_every_spelling(keys: list[str], data: st.DataObject) -> None:
    """CloudFront takes each path, and forgets each file however it was asked for."""
    paths = invalidation_paths.paths([f"/{key}" for key in keys])
    assert all(map(is_taken, paths))
    assert len([path for path in paths if path.endswith("*")]) <= invalidation_paths.WILDCARDS_LIMIT
    for key in keys:
        asked = data.draw(spellings(key))
        assert any(names(path, asked) for path in paths)


@given(KEYS)
def test_a_path_that_another_covers_is_left_out(keys: list[str]) -> None:
    """Each path costs money above a thousand a month."""
    paths = invalidation_paths.paths([f"/{key}" for key in keys])
    for path in paths:
        others = [other for other in paths if other != path]
        assert not any(other.endswith("*") and names(other, path) for other in others)


def test_reference_depends_on_execution_and_paths() -> None:
    """Equal requests have one reference whatever their order; others have another."""
    one = invalidation_paths.reference("e1", ["/a", "/b"])
    assert one == invalidation_paths.reference("e1", ["/b", "/a"])
    assert one != invalidation_paths.reference("e2", ["/a", "/b"])
    assert one != invalidation_paths.reference("e1", ["/*"])
