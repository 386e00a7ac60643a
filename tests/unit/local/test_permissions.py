"""What a job's token may do."""

from collections.abc import Mapping

import pytest

from local.github.openapi import paths
from local.github.permissions import NEEDED, allows
from local.github.routes import REPOSITORY


@pytest.mark.parametrize(
    ("granted", "method", "path", "allowed"),
    [
        ({"issues": "write"}, "POST", "/issues", True),
        ({"issues": "read"}, "POST", "/issues", False),
        ({"issues": "read"}, "GET", "/issues", True),
        ({"pull-requests": "write"}, "POST", "/issues", False),
        ({"pull-requests": "write"}, "POST", "/issues/{issue_number}/comments", True),
        ({"pull-requests": "write"}, "DELETE", "/issues/comments/{comment_id}", True),
        ({"pull-requests": "write"}, "PATCH", "/issues/{issue_number}", True),
        ({"pull-requests": "write"}, "GET", "/issues/{issue_number}", False),
        ({"contents": "write"}, "POST", "/dispatches", True),
        ({"actions": "write"}, "POST", "/actions/runs/{run_id}/cancel", True),
        ({"actions": "write"}, "GET", "/actions/variables", False),
        ({"actions": "read"}, "GET", "/environments/{environment_name}", True),
        ({"actions": "write"}, "GET", "/environments/{environment_name}/variables", False),
        ("write-all", "GET", "/environments/{environment_name}/variables", False),
        ({"actions": "write"}, "PUT", "/environments/{environment_name}", False),
        ({"contents": "read"}, "GET", "/codeowners/errors", True),
        ({}, "GET", "/collaborators/{username}/permission", True),
        ({}, "GET", "/teams", False),
        ({}, "GET", "", True),
        ({}, "GET", "/pulls", False),
        ("read-all", "GET", "/pulls", True),
        ("read-all", "POST", "/pulls", False),
        ("write-all", "POST", "/pulls", True),
        (None, "POST", "/pulls", True),
    ],
)
def test_permission(
    granted: Mapping[str, str] | str | None, method: str, path: str, allowed: bool
) -> None:
    """Of several permissions one is enough, and writing needs `write`."""
    assert allows(granted, method, path) == allowed


def test_every_operation_has_its_permission() -> None:
    """No operation of the stand-in falls to the row for the repository itself."""
    known = [path.removeprefix(REPOSITORY) for path in paths() if path != REPOSITORY]
    starts = tuple(start for _, start, _ in NEEDED if start)
    assert [path for path in known if not path.startswith(starts)] == []
