"""The roles of the pipeline have the permissions that AWS documents for each type of action."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.account import Account, listed, variants

TABLE = yaml.safe_load(
    Path(__file__).with_name("documented_permissions.yaml").read_text(encoding="utf-8")
)
KEY = "phaseline-production/execution/artifact"
FUNCTIONS = {
    "SitePublisherRole": ("publish", "SitePublisherLogs"),
    "CacheInvalidatorRole": ("publish", "CacheInvalidatorLogs"),
    "ReleaseVerifierRole": ("publish", "ReleaseVerifierLogs"),
    "SlackNotifierRole": ("slack", "SlackNotifierLogs"),
}
"""The roles of the functions that actions invoke, and the log group of each."""


def actions(account: Account) -> list[dict[str, Any]]:
    """The actions of the pipeline, resolved."""
    stages = account.stacks["pipeline"].properties("Pipeline")["Stages"]
    return [action for stage in stages for action in stage["Actions"]]


def kind(action: dict[str, Any]) -> str:
    """The type of an action, as the table names it."""
    type_ = action["ActionTypeId"]
    return f"{type_['Category']}/{type_['Provider']}"


def resources(account: Account, type_: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The role and the resources of every action, or part, of a type."""
    arns = account.arns()
    artifacts, pipeline = arns["site", "ArtifactBucket"], arns["pipeline", "Pipeline"]
    store = {"bucket": artifacts, "object": f"{artifacts}/{KEY}"}
    build = f"{arns['pipeline', 'BuildLogs']}:log-stream:build"
    others: dict[str, list[tuple[str, dict[str, str]]]] = {
        "Artifacts": [("PipelineRole", store)],
        "Project": [("BuildRole", store | {"logs": build})],
        "Rule": [("StartRole", {"pipeline": pipeline})],
        "Function": [
            (role, {"any": "*", "logs": f"{arns[place]}:log-stream:2026/01/01"})
            for role, place in FUNCTIONS.items()
        ],
    }
    yield from others.get(type_, [])
    for action in actions(account):
        if kind(action) == type_:
            yield "PipelineRole", configured(action["Configuration"], arns)


def configured(settings: dict[str, str], arns: dict[tuple[str, str], str]) -> dict[str, str]:
    """The resources that an action's configuration names, by kind."""
    bucket = f"arn:aws:s3:::{settings.get('S3Bucket')}"
    functions = {arn.rpartition(":")[2]: arn for arn in arns.values() if ":function:" in arn}
    return {
        "bucket": bucket,
        "object": f"{bucket}/{settings.get('S3ObjectKey')}",
        "connection": settings.get("ConnectionArn", ""),
        "project": arns["pipeline", "BuildProject"],
        "function": functions.get(settings.get("FunctionName", ""), ""),
    }


def allowed(account: Account, role: str, action: str, resource: str) -> bool:
    """Whether a role's policies allow an action on a resource, whatever the conditions."""
    return any(
        grant.holder == role
        and action in listed(grant.statement["Action"])
        and any(fnmatchcase(resource, one) for one in listed(grant.statement["Resource"]))
        for grant in account.grants()
    )


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["type"])
@pytest.mark.parametrize("variant", range(len(variants())))
def test_documented_permissions_are_granted(entry: dict[str, Any], variant: int) -> None:
    account = variants()[variant]
    found = list(resources(account, entry["type"]))
    assert found
    assert [
        (role, action, of[where])
        for role, of in found
        for where, needed in entry["needs"].items()
        for action in needed
        if action not in entry.get("exceptions", {}).get(role, {})
        and not allowed(account, role, action, of[where])
    ] == []


def test_every_type_of_action_is_in_the_table() -> None:
    used = {kind(action) for action in actions(variants()[0])}
    listed_types = {entry["type"] for entry in TABLE if "/" in entry["type"]}
    assert used == listed_types


def test_entries_have_links_and_reasons() -> None:
    for entry in TABLE:
        assert entry["link"].startswith("https://docs.aws.amazon.com/")
        assert all(reason.endswith(".") for reason in entry.get("not_needed", {}).values())


def test_what_is_not_needed_is_not_granted() -> None:
    account = variants()[0]
    for entry in TABLE:
        for grant in account.grants():
            if grant.holder == entry["role"]:
                granted = set(listed(grant.statement["Action"]))
                assert not granted & entry.get("not_needed", {}).keys()


def test_functions_that_actions_invoke_are_the_ones_whose_roles_are_checked() -> None:
    account = variants()[0]
    invoked = {
        action["Configuration"]["FunctionName"].split("-")[3]
        for action in actions(account)
        if kind(action) == "Invoke/Lambda"
    }
    assert {f"{name}Role" for name in invoked} == FUNCTIONS.keys()
