"""The policies fit AWS's service authorization reference."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.builders.account import Account, Grant, variants
from tests.contract import authorization
from tests.contract.authorization import RULES, details, overlap

Rule = Callable[[Mapping[str, Any]], Iterator[str]]
KINDS = (Account.grants, Account.trusts, Account.resource_policies)
BAD: list[tuple[Rule, str, dict[str, Any]]] = [
    (authorization.known_actions, "unknown", {"Action": "s3:GetTheObject"}),
    (authorization.known_actions, "unknown", {"Action": "nothing:Get"}),
    (authorization.known_actions, "unknown", {"Action": "s3:getobject"}),
    (
        authorization.resource_types,
        "takes no resource",
        {
            "Action": "logs:DescribeIndexPolicies",
            "Resource": "arn:aws:logs:eu-central-1:111122223333:log-group:phaseline-*",
        },
    ),
    (
        authorization.resource_types,
        "granted on *",
        {"Action": ["logs:DescribeIndexPolicies", "logs:DeleteLogGroup"], "Resource": "*"},
    ),
    (
        authorization.resource_types,
        "needs a bucket",
        {"Action": "s3:GetBucketTagging", "Resource": "arn:aws:s3:::bucket/*"},
    ),
    (
        authorization.resource_types,
        "which no resource is",
        {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"},
    ),
    (
        authorization.used_resources,
        "is of no type",
        {
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"],
        },
    ),
    (
        authorization.condition_keys,
        "does not have the condition key",
        {
            "Action": ["iam:CreateRole", "iam:TagRole"],
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn"}},
        },
    ),
]


def places(kind: Callable[[Account], Iterator[Grant]]) -> dict[str, list[Grant]]:
    """The statements of one kind by their place, in each variant of the environment."""
    found: dict[str, list[Grant]] = {}
    for account in variants():
        for grant in kind(account):
            found.setdefault(grant.label, []).append(grant)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_statements_fit_the_reference(
    kind: Callable[[Account], Iterator[Grant]], rule: Rule
) -> None:
    """A statement for resources of several kinds, such as a secret or a parameter, has to fit with
    one of them."""
    for label, grants in places(kind).items():
        faults = [set(rule(grant.statement)) for grant in grants]
        assert set.intersection(*faults) == set(), label


@pytest.mark.parametrize(("rule", "fault", "statement"), BAD)
def test_rule_finds_its_fault(rule: Rule, fault: str, statement: dict[str, Any]) -> None:
    assert any(fault in found for found in rule(statement))


def test_every_rule_was_seen_to_fail() -> None:
    assert {rule for rule, _, _ in BAD} == set(RULES)


def test_exceptions_are_used_and_have_links() -> None:
    """An exception that no policy needs, or that the reference does not contradict, is removed."""
    granted = {
        action
        for grants in places(Account.grants).values()
        for grant in grants
        if grant.statement["Resource"] == "*"
        for action in authorization.actions(grant.statement)
    }
    for action, reason in authorization.ACCEPTED.items():
        assert action in granted
        assert details(action)["resourceTypes"]
        assert "https://docs.aws.amazon.com/" in reason


@pytest.mark.parametrize(
    ("pattern", "shape", "fits"),
    [
        ("arn:aws:s3:::b", "arn:${Partition}:s3:::${BucketName}", True),
        ("arn:aws:s3:::b", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", False),
        ("arn:aws:s3:::b-*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:s3:::b/a/b.zip", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:s3:::b/", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", False),
        ("arn:aws:a:::g:*", "arn:${Partition}:a:::g:log-stream:${Name}", True),
        ("arn:aws:a:::g/h", "arn:${Partition}:a:::${Name}/x/${Other}", False),
        ("arn:aws:a:::g?", "arn:${Partition}:a:::gh", True),
    ],
)
def test_patterns_and_shapes_overlap(pattern: str, shape: str, fits: bool) -> None:
    assert overlap(pattern, shape) is fits
