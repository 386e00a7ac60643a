"""The permission of a job's token that each operation of the API needs.

Pure. The rows were compared with the lists of
https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

from collections.abc import Mapping

LEVELS = ("none", "read", "write")
READ_ALL, WRITE_ALL = "read-all", "write-all"
NEEDED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # https://docs.github.com/en/rest/issues/comments: either permission is enough
    ("", "/issues/comments", ("issues", "pull-requests")),
    ("", "/issues/{issue_number}/comments", ("issues", "pull-requests")),
    # https://docs.github.com/en/rest/issues/issues: only to update, either permission is enough
    ("PATCH", "/issues/{issue_number}", ("issues", "pull-requests")),
    ("", "/issues", ("issues",)),
    # https://docs.github.com/en/rest/pulls/pulls
    ("", "/pulls", ("pull-requests",)),
    # https://docs.github.com/en/rest/deployments/deployments
    ("", "/deployments", ("deployments",)),
    # https://docs.github.com/en/rest/git/refs and https://docs.github.com/en/rest/releases
    ("", "/git", ("contents",)),
    ("", "/releases", ("contents",)),
    # https://docs.github.com/en/rest/repos/attestations
    ("", "/attestations", ("attestations",)),
    # https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
    ("", "/dispatches", ("contents",)),
    # https://docs.github.com/en/rest/actions/variables: no job's token can have this permission
    ("", "/actions/variables", ()),
    # https://docs.github.com/en/rest/deployments/environments: no job's token may change one
    ("GET", "/environments/{environment_name}/variables", ()),
    ("GET", "/environments", ("actions",)),
    ("", "/environments", ()),
    # https://docs.github.com/en/rest/repos/repos#list-repository-teams: administration
    ("", "/teams", ()),
    # https://docs.github.com/en/rest/collaborators/collaborators
    ("GET", "/collaborators", ("metadata",)),
    # https://docs.github.com/en/rest/repos/repos#list-codeowners-errors
    ("GET", "/codeowners", ("contents",)),
    # https://docs.github.com/en/rest/actions/workflows
    ("", "/actions", ("actions",)),
    # https://docs.github.com/en/rest/repos/repos#get-a-repository: every token may read metadata
    ("", "", ("metadata",)),
)
"""For operations of a method (or of any) whose path in a repository begins so, the permissions of
which one is needed. The first row that fits is used; GET needs `read`, and every other method needs
`write`."""


def allows(granted: Mapping[str, str] | str | None, method: str, path: str) -> bool:
    """Return whether a job with this value of `permissions:` may carry out an operation.

    None is a job without it, whose token has the default permissions, which may be all. `path`
    begins after the repository: `/issues/{issue_number}`.
    """
    if granted is None:
        return True
    level = "read" if method == "GET" else "write"
    names = next(
        names for of, start, names in NEEDED if of in ("", method) and path.startswith(start)
    )
    if isinstance(granted, str):
        return bool(names) and (granted == WRITE_ALL or (granted == READ_ALL and level == "read"))
    given = {**granted, "metadata": "read"}
    return any(LEVELS.index(given.get(name, "none")) >= LEVELS.index(level) for name in names)
