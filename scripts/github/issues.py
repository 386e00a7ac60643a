"""Opens, updates and closes the one issue about a topic, which begins with a marker."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from scripts.github import api
from scripts.github.comments import Comments

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "phaseline"
"""The label of the issues, by which they are listed. It proves no author: people with write access
can set it, and so can a template of the repository.
https://docs.github.com/en/rest/issues/issues#create-an-issue
"""
PERMISSION = "issues: write"
DUPLICATE = "duplicate"
"""https://docs.github.com/en/rest/issues/issues#update-an-issue"""
ENDED = "<!-- phaseline: why this was closed -->"

IssueChange = Literal["opened", "changed", "unchanged", "recovered"]


@dataclass(frozen=True)
class WantedIssue:
    """The content that the issue should have.

    `fingerprint` changes only if the content does, and is empty if no issue is wanted. An issue is
    closed only if the check was `complete`. `link` is the page of the run.
    """

    title: str
    fingerprint: str
    text: str
    complete: bool = True
    link: str | None = None


@dataclass(frozen=True)
class KeptIssue:
    """The change of the issue, its number and its page. They are None if there is no issue."""

    change: IssueChange
    number: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Issues:
    """The issues of one repository. `sleep` pauses between attempts, in seconds."""

    repository: "Repository"
    where: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], option: str) -> "Issues":
        """Return the issues of the job's repository.

        Raises ConfigurationError if a variable for it is not set; the error names the `option` that
        needs it.
        """
        repository = api.repository(environ, option)
        return cls(repository, f"the issues of {environ['GITHUB_REPOSITORY']}")

    def keep(self, topic: str, wanted: WantedIssue) -> KeptIssue:
        """Open, update or close the issue about a topic that the token's own author opened.

        A later finding opens a new issue, which names the previous one. There is never more than
        one open issue: each attempt first looks for it, and of two issues the older one stays.
        Raises RemoteCallError, or ConfigurationError if the token lacks the permission.
        """
        change: IssueChange = "unchanged"
        issue: Issue | None = None

        def attempt() -> KeptIssue:
            nonlocal change, issue
            present = self._only(topic)
            needed = _needed(topic, wanted, (present.body or "") if present else None)
            # An earlier attempt may have made the change although its answer was lost.
            change = change if needed == "unchanged" else needed
            if needed == "opened":
                opened = self._open(topic, wanted)
                issue = self._only(topic) or opened
                if issue.number < opened.number:
                    change = "unchanged"  # another run opened an issue first, and reports it
            else:
                issue = self._write(topic, wanted, present) or issue
            return KeptIssue(change, issue.number, issue.html_url) if issue else KeptIssue(change)

        return api.retry(attempt, where=self.where, permission=PERMISSION, sleep=self.sleep)

    def _write(self, topic: str, wanted: WantedIssue, issue: "Issue | None") -> "Issue | None":
        """Update or close the present issue if necessary, and return it."""
        if not wanted.fingerprint:
            if issue and wanted.complete:
                self._end(issue, _linked("No finding is left.", wanted.link), "completed")
        elif issue and not (issue.body or "").startswith(_body_start(topic, wanted)):
            issue.edit(title=wanted.title, body=self._body(topic, wanted, issue))
        return issue

    def _open(self, topic: str, wanted: WantedIssue) -> "Issue":
        body = self._body(topic, wanted)
        return self.repository.create_issue(wanted.title, body=body, labels=[LABEL])

    def _only(self, topic: str) -> "Issue | None":
        """Return the open issue about a topic, and close newer ones as its duplicates."""
        issues = sorted(self._about(topic, "open"), key=lambda issue: issue.number)
        for duplicate in issues[1:]:
            self._end(duplicate, f"Duplicate of #{issues[0].number}.", DUPLICATE)
        return issues[0] if issues else None

    def _about(self, topic: str, state: str) -> "Iterator[Issue]":
        for issue in self.repository.get_issues(state=state, labels=[LABEL]):
            is_about = (issue.body or "").startswith(_marker_start(topic))
            if is_about and issue.user and issue.user.login == self._author:
                yield issue

    @cached_property
    def _author(self) -> str:
        return api.author(self.repository)

    def _body(self, topic: str, wanted: WantedIssue, issue: "Issue | None" = None) -> str:
        """Return the whole text of an issue, or of a new one."""
        earlier = (
            f"Previous issue: #{closed.number}."
            for closed in self._about(topic, "closed")
            if closed.state_reason != DUPLICATE and (issue is None or closed.number < issue.number)
        )
        return f"{_body_start(topic, wanted)}\n{_linked(next(earlier, ''), wanted.link)}\n"

    def _end(self, issue: "Issue", note: str, reason: str) -> None:
        """Write a comment with the reason, and close the issue."""
        comments = Comments(issue, self.where, PERMISSION, self.sleep)
        comments.put(ENDED, f"{ENDED}\n{note}")
        issue.edit(state="closed", state_reason=reason)


def _needed(topic: str, wanted: WantedIssue, body: str | None) -> IssueChange:
    """Return the change that an open issue with this body needs; None means no open issue."""
    if not wanted.fingerprint:
        return "recovered" if body is not None and wanted.complete else "unchanged"
    if body is None:
        return "opened"
    return "unchanged" if body.startswith(_marker(topic, wanted.fingerprint)) else "changed"


def _marker_start(topic: str) -> str:
    return f"<!-- {topic} fingerprint="


def _marker(topic: str, fingerprint: str) -> str:
    return f"{_marker_start(topic)}{fingerprint} -->"


def _body_start(topic: str, wanted: WantedIssue) -> str:
    """Return the text of the issue without the link to the run."""
    return f"{_marker(topic, wanted.fingerprint)}\n{wanted.text}\n"


def _linked(note: str, link: str | None) -> str:
    return f"{note} [The run that found this]({link})".strip() if link else note
