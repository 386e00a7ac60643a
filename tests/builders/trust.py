"""What IAM makes of a role's trust policy and a token's claims: the part of it that we use.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Mapping
from typing import Any

GITHUB = "token.actions.githubusercontent.com"
CLAIMS = {
    "actor",
    "actor_id",
    "aud",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "sub",
    "workflow",
}
"""GitHub's claims that STS knows as condition keys; a condition on another one never holds."""


def trusts(policy: Mapping[str, Any], claims: Mapping[str, str]) -> bool:
    """Whether a role with this trust policy may be assumed by a token of GitHub's with `claims`.

    Raises ValueError for what this does not evaluate, so that no policy passes unread.
    """
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or statement["Principal"].keys() != {"Federated"}:
            raise ValueError(f"not evaluated: {statement}")
    return any(_holds(statement["Condition"], claims) for statement in policy["Statement"])


def _holds(conditions: Mapping[str, Mapping[str, Any]], claims: Mapping[str, str]) -> bool:
    return all(
        any(_matches(operator, value, _claim(key, claims)) for value in _list(values))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _claim(key: str, claims: Mapping[str, str]) -> str | None:
    provider, _, name = key.partition(":")
    return claims.get(name) if provider == GITHUB and name in CLAIMS else None


def _matches(operator: str, wanted: str, found: str | None) -> bool:
    if operator == "StringEquals":
        return wanted == found
    if operator == "StringLike":
        parts = {"*": ".*", "?": "."}
        pattern = "".join(parts.get(letter, re.escape(letter)) for letter in wanted)
        return found is not None and re.fullmatch(pattern, found, re.DOTALL) is not None
    raise ValueError(f"not evaluated: {operator}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
