"""Pure: the versions of this repository, and their notes in CHANGELOG.md."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from phaseline.errors import InputError, RefusedError

NUMBER = "(?:0|[1-9][0-9]{0,5})"
VERSION = rf"{NUMBER}\.{NUMBER}\.{NUMBER}"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
DATED = re.compile(rf"({VERSION}) - [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}")
UNRELEASED = "Unreleased"
FILE = "CHANGELOG.md"


@dataclass(frozen=True, order=True)
class Version:
    """A version of this repository (https://semver.org). There are no prereleases.

    >>> Version.of("1.2.0").tag, Version.of("1.2.0").moving_tag
    ('v1.2.0', 'v1')
    """

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> "Version":
        """Return the version that a text such as 1.2.0 names. Raises ValueError."""
        if not re.fullmatch(VERSION, text):
            raise ValueError(f"{text!r} is not a version")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The tag of this version, which never moves."""
        return f"v{self}"

    @property
    def moving_tag(self) -> str:
        """The tag of the newest version with the same major number."""
        return f"v{self.major}"


@dataclass(frozen=True)
class RemainingWork:
    """The work that is left for a version. `is_published` says that its tag exists at the commit.

    `moves` says that the moving tag must name the commit, because no version with the same major
    number is newer.
    """

    is_published: bool
    moves: bool


def versions(tags: Mapping[str, str]) -> dict[Version, str]:
    """Return the commits of the versions among tags; other tags are ignored.

    >>> versions({"v1": "a", "v1.2.0": "b", "next": "c"})
    {Version(major=1, minor=2, patch=0): 'b'}
    """
    return {
        Version.of(name[1:]): commit
        for name, commit in tags.items()
        if re.fullmatch(f"v{VERSION}", name)
    }


def decide(version: Version, commit: str, tags: Mapping[str, str]) -> RemainingWork:
    """Return what is left to do to publish a commit as `version`; `tags` are those of today.

    Raises RefusedError if the version is another commit's, or if a newer one exists already.
    """
    known = versions(tags)
    present = known.get(version)
    if present not in (None, commit):
        raise RefusedError(
            f"the tag {version.tag}",
            f"it names the commit {present}, and this run has {commit}",
            "A published version never changes. Publish the next one.",
        )
    newest = max(known, default=version)
    if present is None and newest > version:
        raise RefusedError(
            f"the version {version}",
            f"{newest} is newer",
            "A new version is higher than all others. Publish the next one.",
        )
    siblings = [other for other in known if other.major == version.major]
    return RemainingWork(present is not None, max(siblings, default=version) <= version)


def newest(changelog: str) -> Version:
    """Return the version of the first section that has a date.

    Raises InputError if there is none.

    >>> newest("## Unreleased\\n\\n- More.\\n\\n## 1.2.0 - 2026-11-27\\n\\n- New.\\n")
    Version(major=1, minor=2, patch=0)
    """
    for heading in HEADING.findall(changelog):
        if dated := DATED.fullmatch(heading):
            return Version.of(dated[1])
    raise InputError(
        FILE, "no section has a version and a date", "Add one: `## 1.0.0 - YYYY-MM-DD`."
    )


def notes(changelog: str, version: Version) -> str:
    """Return the notes of a version. Raises InputError if the changelog is not ready for it.

    It is ready if the version's section is the first one with a date, contains text, and no change
    is left in the section Unreleased.

    >>> notes("# Changelog\\n\\n## 1.2.0 - 2026-11-27\\n\\n- New.\\n\\n## 1.1.0 - 2026-10-01\\n",
    ...     Version(1, 2, 0))
    '- New.'
    """
    parts = HEADING.split(changelog)[1:]
    sections = list(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
    if sections and sections[0][0] == UNRELEASED:
        _, left = sections.pop(0)
        if left:
            raise InputError(
                FILE,
                f"the section {UNRELEASED} is not empty",
                f"Move its changes to the section of {version}.",
            )
    heading, text = sections[0] if sections else ("", "")
    dated = DATED.fullmatch(heading)
    if not (dated and dated[1] == str(version)):
        raise InputError(
            FILE,
            f"its first version is {heading or 'missing'}, and not {version}",
            f"Add the section `## {version} - YYYY-MM-DD` above it.",
        )
    if not text:
        raise InputError(FILE, f"the section of {version} is empty", "Describe its changes.")
    return text
