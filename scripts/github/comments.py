"""Comments of an issue or pull request, each of which begins with a marker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from scripts.github import api

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment

CommentChange = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Comments:
    """The comments of one issue or pull request.

    Writing them needs the `permission`. `sleep` pauses between attempts, in seconds.
    """

    issue: "Issue"
    where: str
    permission: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], pull_request: int) -> "Comments":
        """Return the comments of a pull request of the job's repository.

        Raises ConfigurationError if a variable for the repository is not set.
        """
        repository = api.repository(environ, "--pull-request")
        where = f"pull request {environ['GITHUB_REPOSITORY']}#{pull_request}"
        return cls(repository.get_issue(pull_request), where, "pull-requests: write")

    def put(self, marker: str, body: str) -> CommentChange:
        """Create or update the token's own comment that begins with `marker`, as does `body`.

        Anyone can write the marker, so a comment of another author is left as it is.
        A repeated attempt first looks for the comment of the one before. Raises RemoteCallError, or
        ConfigurationError if the token lacks the permission.
        """
        sent = False

        def attempt() -> CommentChange:
            nonlocal sent
            comment = self._find(marker)
            if comment is None:
                sent = True
                self.issue.create_comment(body)
                return "created"
            if comment.body == body:
                return "created" if sent else "unchanged"
            comment.edit(body)
            return "updated"

        return api.retry(attempt, where=self.where, permission=self.permission, sleep=self.sleep)

    def _find(self, marker: str) -> "IssueComment | None":
        return next(
            (
                comment
                for comment in self.issue.get_comments()
                if (comment.body or "").startswith(marker)
                and comment.user
                and comment.user.login == self._author
            ),
            None,
        )

    @cached_property
    def _author(self) -> str:
        return api.author(self.issue)
