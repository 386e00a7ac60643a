"""GitHub's API for commands: the repository that a job runs for, and writes that are made once."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import github
import requests
from urllib3 import Retry

from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError
from phaseline.github import answers
from phaseline.github.answers import Answer, Kind

if TYPE_CHECKING:
    from github.Repository import Repository

ATTEMPTS = 3
PAUSE = 2.0
"""Seconds before the second attempt; twice as long before the third."""
LONGEST_WAIT = 120.0
"""Seconds that a rate limit is waited for. A job has a time limit, and another rate limit lasts for
up to an hour."""
REMEDIES = {
    Kind.UNAUTHORIZED: "The job needs `permissions: {right}`, and a token of it.",
    Kind.PERMISSION: "The job needs `permissions: {right}`, and a token of it.",
    Kind.UNSEEN: "Correct its name, or give the job `permissions: {right}` and a token of it.",
    Kind.MOVED: "The repository was renamed or moved: correct its name.",
}
"""The remedies of answers that no repetition changes; {right} is the permission of a job."""
T = TypeVar("T")


def repository(environ: Mapping[str, str], option: str) -> "Repository":
    """The repository that the job runs for, which `option` asks for. Raises ConfigurationError
    where the environment lacks it or its token."""
    values = {name: environ.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY")}
    for name, value in values.items():
        if not value:
            raise ConfigurationError(
                "the environment variables",
                f"{name} is not set, which {option} needs",
                f"Set it, or leave out {option}.",
            )
    client = github.Github(
        auth=github.Auth.Token(values["GITHUB_TOKEN"]),
        base_url=environ.get("GITHUB_API_URL", "https://api.github.com"),
        per_page=100,
        lazy=True,
        # A command makes a handful of requests, which need no pauses between them.
        seconds_between_requests=None,
        seconds_between_writes=None,
        # Not PyGithub's own: it writes a second time where only the answer to the first was lost,
        # and sleeps as long as any Retry-After asks. An update may be repeated; `tried` waits.
        retry=Retry(
            total=2,
            backoff_factor=0.3,
            allowed_methods=frozenset({"GET", "PATCH"}),
            status_forcelist=frozenset(range(500, 600)),
            respect_retry_after_header=False,
            raise_on_status=False,
        ),
    )
    return client.get_repo(values["GITHUB_REPOSITORY"])


def tried(attempt: Callable[[], T], *, where: str, right: str, sleep: Callable[[float], None]) -> T:
    """What `attempt` comes to, which is made again where its error may pass.

    An answer that was lost, or an error of GitHub's, does not say that nothing was written: each
    attempt has to look first. `sleep` pauses before another one, in seconds: at least as long as a
    rate limit asks, up to LONGEST_WAIT. Raises RemoteCallError, or ConfigurationError where the
    token lacks the `right`.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (github.GithubException, requests.RequestException) as error:
            answer = _answer(error) if isinstance(error, github.GithubException) else None
            pause = _pause(answer, number)
            if number == ATTEMPTS or pause is None:
                raise _translated(where, right, answer or error) from error
            sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _answer(error: github.GithubException) -> Answer:
    """GitHub's answer, which PyGithub has read already."""
    return answers.read(error.status, error.headers or {}, json.dumps(error.data), time.time())


def _pause(answer: Answer | None, number: int) -> float | None:
    """The seconds before another attempt after the one of this number, of which the answer may have
    been lost; None where another one would come to the same, or too late."""
    if answer is None or answer.kind is Kind.FAILED:
        return PAUSE * number
    if answer.kind is Kind.THROTTLED and answer.wait <= LONGEST_WAIT:
        return max(answer.wait, PAUSE * number)
    return None


def _translated(where: str, right: str, error: Answer | Exception) -> PhaselineError:
    if not isinstance(error, Answer):
        return RemoteCallError(where, f"GitHub was not reached: {error}", "Run it again.")
    found = f"GitHub answers {error}"
    if error.kind is Kind.THROTTLED:
        return RemoteCallError(where, found, "Run it again after that: nothing is written twice.")
    if remedy := REMEDIES.get(error.kind):
        return ConfigurationError(where, found, remedy.format(right=right))
    return RemoteCallError(where, found, "Run it again: nothing is written twice.")
