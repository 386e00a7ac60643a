"""The objects that a build comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline.site import files
from phaseline.site.files import File

PARTS = st.sampled_from(["a", "b.html", "index.html", "404.html", "c.css", "d"])
NAMES = st.sets(st.lists(PARTS, min_size=1, max_size=3).map("/".join))


def objects(*names: str) -> dict[str, File]:
    """The objects of a build with these files, all of them without content."""
    return files.of(names, lambda _: b"", None)


def test_a_page_has_a_clean_address() -> None:
    """What is at /about.html is at /about too, with the same content and headers."""
    made = objects("about.html", "docs/intro.html")
    assert made["about"] == made["about.html"]
    assert made["docs/intro"] == made["docs/intro.html"]


def test_a_folder_leads_to_its_page() -> None:
    """/blog leads to /blog/, where relative links mean what they mean at /blog/index.html."""
    made = objects("index.html", "blog/index.html", "größe/ein Wort/index.html")
    assert made["blog"].headers.location == "/blog/"
    assert made["größe/ein Wort"].headers.location == "/gr%C3%B6%C3%9Fe/ein%20Wort/"
    assert set(made) == {
        "404.html",
        "index.html",
        "blog",
        "blog/index.html",
        "größe/ein Wort",
        "größe/ein Wort/index.html",
    }


def test_what_the_build_has_comes_first() -> None:
    """A file of the name that a clean address would take stays what it is; a page of a folder's
    name goes before the folder."""
    made = objects("about", "about.html", "blog.html", "blog/index.html", "docs", "docs/index.html")
    assert made["about"].source == "about"
    assert made["blog"].source == "blog.html"
    assert made["docs"].source == "docs"


def test_an_address_longer_than_s3_keeps_has_no_redirect() -> None:
    """The page itself is there all the same."""
    folder = "ö" * 400
    made = objects(f"{folder}/index.html")
    assert folder not in made
    assert f"{folder}/index.html" in made


def test_a_build_without_a_404_page_gets_a_plain_one() -> None:
    """A build's own stays."""
    assert objects()["404.html"].source == files.NOT_FOUND_PAGE
    assert objects("404.html")["404.html"].source == "404.html"


@given(NAMES)
def test_every_file_of_a_build_is_there(names: set[str]) -> None:
    """With its own content under its own name, whatever clean addresses are added."""
    made = objects(*names)
    assert {name: made[name].source for name in names} == {name: name for name in names}


@given(NAMES)
def test_every_page_is_where_visitors_look_for_it(names: set[str]) -> None:
    """At its address without .html, and a folder's at its own."""
    made = objects(*names)
    for name in names:
        folder, _, last = name.rpartition("/")
        if last == "index.html":
            assert not folder or folder in made
        elif last.endswith(".html") and last != "404.html":
            assert name.removesuffix(".html") in made


@pytest.mark.parametrize(
    "name",
    ["../a", "/a", "a//b", "./a", "a\\b", "a\x00b", "a\x7fb", "a\u2028b", "a\uffff", "x" * 1025],
)
def test_no_key_leaves_the_bucket_or_breaks_a_request(name: str) -> None:
    """Such a name can't be asked for, or can't be named in a request to S3."""
    assert not files.is_key(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", True),
        (".well-known/security.txt", True),
        (".well-known/acme/x", True),
        ("a/.well-known/x", False),
        (".gitignore", False),
        (".git/HEAD", False),
        (".github/workflows/x.yml", False),
        ("a/.DS_Store", False),
        ("__MACOSX/a", False),
        ("phaseline-headers.json", False),
        ("../a", True),  # refused elsewhere, and not left out in silence
    ],
)
def test_which_files_are_for_visitors(name: str, expected: bool) -> None:
    """Those of tools stay behind."""
    assert files.is_for_visitors(name) is expected
