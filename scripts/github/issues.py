"""One open issue about a topic, found again by a marker: opened, kept up to date, closed."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scripts.github import api
from scripts.github.comments import Comments

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "phaseline"
"""By it the issues are found. GitHub lets nobody set one who may not write, so that no stranger's
issue is taken for ours. https://docs.github.com/en/rest/issues/issues#create-an-issue
"""
RIGHT = "issues: write"
DUPLICATE = "duplicate"
"""https://docs.github.com/en/rest/issues/issues#update-an-issue"""
ENDED = "<!-- phaseline: why this was closed -->"

Change = Literal["opened", "changed", "unchanged", "recovered"]


@dataclass(frozen=True)
class Wanted:
    """What the issue has to say. `fingerprint` is the same as long as it says the same, and empty
    where there is nothing to say; `complete` is whether it may be all, `link` leads to who says it.
    """

    title: str
    fingerprint: str
    text: str
    complete: bool = True
    link: str | None = None


@dataclass(frozen=True)
class Kept:
    """What became of the issue, and where it is; None where there is none."""

    change: Change
    number: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Issues:
    """The issues of one repository; `sleep` pauses before another attempt, in seconds."""

    repository: "Repository"
    where: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], option: str) -> "Issues":
        """Those of the repository that the job runs for, which `option` asks for. Raises
        ConfigurationError where the environment lacks the repository or its token."""
        repository = api.repository(environ, option)
        return cls(repository, f"the issues of {environ['GITHUB_REPOSITORY']}")

    def keep(self, topic: str, wanted: Wanted) -> Kept:
        """Make what is `wanted` the one open issue about a topic, or close it where that is
        nothing; never where it may not be all.

        What comes back later gets another one, which names the one before. Whatever GitHub does
        there is one at most: it is looked for before each attempt, and of two the older stays.
        Raises RemoteCallError, or ConfigurationError where the token has no rights.
        """
        change: Change = "unchanged"
        issue: Issue | None = None

        def attempt() -> Kept:
            nonlocal change, issue
            found = self._only(topic)
            needed = _needed(topic, wanted, (found.body or "") if found else None)
            # An earlier attempt may have done it, though its answer was lost.
            change = change if needed == "unchanged" else needed
            if needed == "opened":
                made = self._open(topic, wanted)
                issue = self._only(topic) or made
                if issue.number < made.number:
                    change = "unchanged"  # another run opened it at once, and tells so
            else:
                issue = self._write(topic, wanted, found) or issue
            return Kept(change, issue.number, issue.html_url) if issue else Kept(change)

        return api.tried(attempt, where=self.where, right=RIGHT, sleep=self.sleep)

    def _write(self, topic: str, wanted: Wanted, found: "Issue | None") -> "Issue | None":
        """Do what an issue that was found lacks; the issue, if there is one."""
        if not wanted.fingerprint:
            if found and wanted.complete:
                self._end(found, _linked("Nothing of it is left.", wanted.link), "completed")
        elif found and not (found.body or "").startswith(_said(topic, wanted)):
            found.edit(title=wanted.title, body=self._body(topic, wanted, found))
        return found

    def _open(self, topic: str, wanted: Wanted) -> "Issue":
        body = self._body(topic, wanted)
        return self.repository.create_issue(wanted.title, body=body, labels=[LABEL])

    def _only(self, topic: str) -> "Issue | None":
        """The open issue about a topic; those that were opened at once with it are closed."""
        found = sorted(self._about(topic, "open"), key=lambda one: one.number)
        for one in found[1:]:
            self._end(one, f"The same as #{found[0].number}.", DUPLICATE)
        return found[0] if found else None

    def _about(self, topic: str, state: str) -> "Iterator[Issue]":
        for one in self.repository.get_issues(state=state, labels=[LABEL]):
            if (one.body or "").startswith(_begin(topic)):
                yield one

    def _body(self, topic: str, wanted: Wanted, found: "Issue | None" = None) -> str:
        """The whole text of the issue that was found, or of a new one."""
        earlier = (
            f"The one before: #{one.number}."
            for one in self._about(topic, "closed")
            if one.state_reason != DUPLICATE and (found is None or one.number < found.number)
        )
        return f"{_said(topic, wanted)}\n{_linked(next(earlier, ''), wanted.link)}\n"

    def _end(self, issue: "Issue", note: str, reason: str) -> None:
        """Say why in a comment, and close the issue."""
        comments = Comments(issue, self.where, RIGHT, self.sleep)
        comments.put(ENDED, f"{ENDED}\n{note}")
        issue.edit(state="closed", state_reason=reason)


def _needed(topic: str, wanted: Wanted, body: str | None) -> Change:
    """What has to become of an open issue with this body, or of none."""
    if not wanted.fingerprint:
        return "recovered" if body is not None and wanted.complete else "unchanged"
    if body is None:
        return "opened"
    return "unchanged" if body.startswith(_marker(topic, wanted.fingerprint)) else "changed"


def _begin(topic: str) -> str:
    return f"<!-- {topic} fingerprint="


def _marker(topic: str, fingerprint: str) -> str:
    return f"{_begin(topic)}{fingerprint} -->"


def _said(topic: str, wanted: Wanted) -> str:
    """The issue's text up to who said it."""
    return f"{_marker(topic, wanted.fingerprint)}\n{wanted.text}\n"


def _linked(note: str, link: str | None) -> str:
    return f"{note} [The run that found this]({link})".strip() if link else note
