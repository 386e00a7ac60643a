"""The policies match the names that CloudFormation generates in an environment, and no others."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest
from click import BadParameter

from local.aws.names import generated_name
from scripts.cli.options import ENVIRONMENT
from tests.builders.account import NAMED, SUFFIXES, Account, deployed, listed, variants

LETTERS = "production"
ENVIRONMENTS = tuple(LETTERS[:length] for length in range(1, 11))
"""Names of 1 to 10 characters. Each begins like the ones before it."""
NUMBERED = re.compile(
    r":(distribution|origin-access-control|connection|key)/\*$|:event-source-mapping:\*$"
)
"""Resources whose IDs the service chooses, so that no pattern can tell environments apart."""
OTHERS = re.compile(r":(stack|secret|parameter|changeSet)[/:]")
"""Resources that CloudFormation does not name."""


def patterns(account: Account) -> Iterator[tuple[str, str]]:
    """The place and the ARN of every resource in the policies of roles."""
    for grant in account.grants():
        for arn in listed(grant.statement["Resource"]):
            if arn != "*" and not OTHERS.search(arn):
                yield grant.label, arn


def matched(account: Account, pattern: str) -> frozenset[tuple[str, str]]:
    """The resources of an account that a policy's ARN names, or in which it names something."""
    return frozenset(
        place
        for place, arn in account.arns().items()
        if any(
            fnmatchcase(part, whole)
            for part in _parts(arn)
            for whole in (pattern, _container(pattern))
        )
    )


def _container(pattern: str) -> str:
    """The bucket of an object's ARN, the table of an index' or a stream's."""
    if ":s3:::" in pattern:
        return pattern.partition("/")[0]
    return re.split(r"/(?:index|stream)/", pattern)[0]


def _parts(arn: str) -> tuple[str, ...]:
    """A resource, and the streams of a log group."""
    return (arn, f"{arn}:*") if ":log-group:" in arn else (arn,)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_name_is_cut(suffix: str) -> None:
    """A name that is cut lacks the end of its stack's name, on which policies depend."""
    for environment in ENVIRONMENTS:
        account = deployed(environment, suffix)
        for name, stack in account.stacks.items():
            for logical_id, kind in stack.resources().items():
                if kind in NAMED and logical_id != "Boundary":
                    whole = f"{account.stack_name(name)}-{logical_id}-{suffix}"
                    assert stack.name(logical_id).lower() == whole.lower(), kind


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_patterns_name_the_same_resources_in_every_environment(suffix: str) -> None:
    shortest = deployed(ENVIRONMENTS[0], suffix)
    expected = [(label, matched(shortest, pattern)) for label, pattern in patterns(shortest)]
    for environment in ENVIRONMENTS[1:]:
        account = deployed(environment, suffix)
        assert [(label, matched(account, one)) for label, one in patterns(account)] == expected


def test_every_pattern_names_something() -> None:
    """In one of the variants: only a new environment has a table and a connection of its own."""
    found: dict[str, list[bool]] = {}
    for account in variants():
        for label, pattern in patterns(account):
            given = ":table/algorithms" in pattern or "upstream" in pattern
            is_known = bool(given or NUMBERED.search(pattern) or ":connection/" in pattern)
            found.setdefault(f"{label} {_generic(pattern)}", []).append(
                is_known or bool(matched(account, pattern))
            )
    assert [place for place, results in found.items() if not any(results)] == []


def _generic(pattern: str) -> str:
    return pattern.replace("phaseline-production", "")


@pytest.mark.parametrize("other", [*ENVIRONMENTS[:-1], "productio1"])
def test_no_role_reaches_another_environment(other: str) -> None:
    """Not even one whose name begins alike."""
    ours, theirs = deployed(LETTERS), deployed(other)
    for first, second in ((ours, theirs), (theirs, ours)):
        for label, pattern in patterns(first):
            if not NUMBERED.search(pattern):
                # The account has one identity provider.
                reached = matched(second, pattern) - {("github", "OidcProvider")}
                assert reached == frozenset(), (label, pattern)


@pytest.mark.parametrize("name", ["prod-site", "a-pipeline", "a-", "Prod", "1a", "production1"])
def test_names_that_overlap_are_refused(name: str) -> None:
    """`phaseline-prod-site-*` would be the site of prod, and every stack of prod-site."""
    with pytest.raises(BadParameter):
        ENVIRONMENT.convert(name, None, None)
    for stack in deployed("a").stacks.values():
        pattern = stack.template["Parameters"]["Environment"]["AllowedPattern"]
        assert re.fullmatch(pattern, name) is None
        assert re.fullmatch(pattern, LETTERS)


def test_a_long_name_loses_the_end_of_its_parts() -> None:
    """As in names that AWS has made (local/aws/names.py)."""
    stack = "ChineseboostAnalyticsStack"
    assert generated_name(stack, "Rain", "UjecjFhpdr1d", 64) == f"{stack}-Rain-UjecjFhpdr1d"
    assert (
        generated_name(stack, "RainlyticsSummariesJobFunctionRole", "UjecjFhpdr1d", 64)
        == "ChineseboostAnalyticsStac-RainlyticsSummariesJobFun-UjecjFhpdr1d"
    )
    assert (
        generated_name(stack.lower(), "rainlyticslogsbucket8df4abcd", "hdst4ohfvdif", 63)
        == "chineseboostanalyticsstac-rainlyticslogsbucket8df4-hdst4ohfvdif"
    )
    assert (
        generated_name(
            "MyStackDev-MyNestedApplication", "MyLambdaFunctionName", "1U44TLUZ7OR55", 64
        )
        == "MyStackDev-MyNestedApplicatio-MyLambdaFunctionName-1U44TLUZ7OR55"
    )
