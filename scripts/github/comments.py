"""Comments of an issue or pull request that are found again by a marker."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scripts.github import api

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment

Done = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Comments:
    """The comments of one issue or pull request; `right` is what writing them needs, `sleep` pauses
    before another attempt, in seconds."""

    issue: "Issue"
    where: str
    right: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], pull_request: int) -> "Comments":
        """Those of a pull request of the repository that the job runs for. Raises
        ConfigurationError where the environment lacks the repository or its token."""
        repository = api.repository(environ, "--pull-request")
        where = f"pull request {environ['GITHUB_REPOSITORY']}#{pull_request}"
        return cls(repository.get_issue(pull_request), where, "pull-requests: write")

    def put(self, marker: str, body: str) -> Done:
        """Make `body`, which begins with `marker`, the one comment that does.

        A new comment is looked for before it is sent again. Raises RemoteCallError, or
        ConfigurationError where the token has no rights.
        """
        sent = False

        def attempt() -> Done:
            nonlocal sent
            found = self._find(marker)
            if found is None:
                sent = True
                self.issue.create_comment(body)
                return "created"
            if found.body == body:
                return "created" if sent else "unchanged"
            found.edit(body)
            return "updated"

        return api.tried(attempt, where=self.where, right=self.right, sleep=self.sleep)

    def _find(self, marker: str) -> "IssueComment | None":
        comments = self.issue.get_comments()
        return next((one for one in comments if (one.body or "").startswith(marker)), None)
