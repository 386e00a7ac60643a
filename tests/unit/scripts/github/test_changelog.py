"""What may be published as a version, and with which notes."""

import pytest

from phaseline.errors import InputError, RefusedError
from scripts.github.changelog import RemainingWork, Version, decide, notes

TEXT = """\
# Changelog

## Unreleased

## 1.2.0 - 2026-11-27

- Faster.

### Fixed

- Slower.

## 1.1.0 - 2026-10-01

- First.
"""
V = Version.of("1.2.0")


@pytest.mark.parametrize("text", ["1.2", "v1.2.0", "1.2.0-rc1", "01.2.0", "1.2.0\n", "٣.0.0", ""])
def test_other_texts_are_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        Version.of(text)


def test_notes_are_those_of_the_version() -> None:
    assert notes(TEXT, V) == "- Faster.\n\n### Fixed\n\n- Slower."
    assert notes(TEXT.replace("## Unreleased\n\n", ""), V).startswith("- Faster.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT.replace("1.2.0", "1.3.0"), "its first version is 1.3.0 - 2026-11-27"),
        (TEXT.replace(" - 2026-11-27", ""), "its first version is 1.2.0, and not 1.2.0"),
        (TEXT.replace("## Unreleased\n", "## Unreleased\n\n- Left.\n"), "is not empty"),
        ("# Changelog\n\n## 1.2.0 - 2026-11-27\n", "the section of 1.2.0 is empty"),
        ("# Changelog\n", "its first version is missing"),
    ],
)
def test_changelog_that_is_not_ready_is_an_error(text: str, found: str) -> None:
    with pytest.raises(InputError) as raised:
        notes(text, V)
    assert found in str(raised.value)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, RemainingWork(is_published=False, moves=True)),
        ({"v1.1.0": "a", "v1": "a"}, RemainingWork(is_published=False, moves=True)),
        ({"v1.1.9": "a", "v0.9.0": "b"}, RemainingWork(is_published=False, moves=True)),
        ({"v1.2.0": "c"}, RemainingWork(is_published=True, moves=True)),
        ({"v1.2.0": "c", "v2.0.0": "d"}, RemainingWork(is_published=True, moves=True)),
        ({"v1.2.0": "c", "v1.10.0": "d"}, RemainingWork(is_published=True, moves=False)),
        ({"vendor": "x", "v2.0.0-rc1": "y"}, RemainingWork(is_published=False, moves=True)),
    ],
)
def test_what_is_left_to_do(tags: dict[str, str], expected: RemainingWork) -> None:
    """The moving tag never goes back to an older version."""
    assert decide(V, "c", tags) == expected


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"v1.2.0": "other"}, "it names the commit other, and this run has c"),
        ({"v1.2.1": "d"}, "1.2.1 is newer"),
        ({"v10.0.0": "d", "v1.1.0": "a"}, "10.0.0 is newer"),
    ],
)
def test_published_version_never_changes_and_no_older_one_is_added(
    tags: dict[str, str], found: str
) -> None:
    with pytest.raises(RefusedError) as raised:
        decide(V, "c", tags)
    assert found in str(raised.value)
