"""Pure: the paths of an invalidation, and the reference that makes it one for each execution."""

import hashlib
import json
import string
from collections.abc import Sequence

EVERYTHING = ("/*",)
PATHS_LIMIT = 100
"""The most paths in a request. More are replaced by `/*`, which counts as one path: 3,000 paths may
be in progress at a time, and each path above 1,000 in a month costs money.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PayingForInvalidation.html
"""
WILDCARDS_LIMIT = 5
"""Paths that end in an asterisk; more become `/*`. Fifteen may be in progress at a time.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html
"""
PLAIN = frozenset(string.ascii_letters + string.digits + "-._/")
"""Characters that everybody sends as they are. Any other has several spellings: a browser sends
`~`, `(`, `+` and `@` as they are, another client encodes them, in capitals or not, and S3 takes
`+` for a blank. CloudFront forgets only the spelling that is named, and takes no `~` at all, which
it answers by refusing all paths of the request.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
https://github.com/aws/aws-sdk/issues/525
"""


def paths(changed: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sorted paths to invalidate for `changed` files (`/blog/index.html`).

    CloudFront accepts each of them. Together they match every spelling in which visitors may have
    requested the files: a name with other characters than PLAIN is replaced by its beginning and an
    asterisk. For an index page, the path of its directory is added, because a function of the
    distribution serves the page there. None means that all files may have changed.
    """
    if changed is None:
        return EVERYTHING
    asked = {*changed, *(path.removesuffix("index.html") for path in changed if _is_index(path))}
    named = {_named(path) for path in asked}
    beginnings = tuple(path.removesuffix("*") for path in named if path.endswith("*"))
    if len(beginnings) > WILDCARDS_LIMIT:
        return EVERYTHING
    alone = {path for path in named if not path.startswith(beginnings)}
    # The shortest of the beginnings covers those that continue it.
    wide = {f"{one}*" for one in beginnings if not any(_continues(one, to) for to in beginnings)}
    wanted = alone | wide
    return tuple(sorted(wanted)) if len(wanted) <= PATHS_LIMIT else EVERYTHING


def _is_index(path: str) -> bool:
    return path.endswith("/index.html")


def _named(path: str) -> str:
    """Return the path, or its beginning and an asterisk if CloudFront cannot match it exactly."""
    for position, sign in enumerate(path):
        if sign not in PLAIN:
            return f"{path[:position]}*"
    return path


def _continues(path: str, beginning: str) -> bool:
    return path != beginning and path.startswith(beginning)


def reference(execution: str, paths: Sequence[str]) -> str:
    """Return the CallerReference of an execution's invalidation of `paths`."""
    digest = hashlib.sha256(json.dumps(sorted(paths)).encode()).hexdigest()
    return f"{execution}-{digest[:16]}"
