"""A deployed environment, read from the outputs and parameters of its stacks."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.algorithms.schema import Schema
from phaseline.deploy.stack import Stack, describe
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import StackStatusType

STACKS = ("registry", "site", "listener", "publish", "slack", "pipeline")
"""The stacks whose outputs and parameters describe the environment."""
OF_PIPELINE = re.compile(r"phaseline-([a-z][a-z0-9]{0,9})-pipeline")
PRESENT: "Sequence[StackStatusType]" = (
    "CREATE_COMPLETE",
    "ROLLBACK_COMPLETE",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
)
"""The states of a stack that was created and not deleted.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""
PREFIX = "metadata/"
"""The prefix of the documents' keys. The EventBridge rules and the pipeline's sources name it."""


@dataclass(frozen=True)
class Environment:
    """A deployed environment. `schema` holds the names in its algorithms table.

    `promotes_from` is the upstream environment, where a version must have been live for
    `soak_minutes` before it is promoted here; None if the versions come from the table's stream.
    """

    name: str
    algorithms_table: str
    ledger_table: str
    site_bucket: str
    metadata_bucket: str
    distribution: str
    site_url: str
    pipeline: str
    schema: Schema
    slack_channel: str
    slack_api_url: str
    slack_token_arn: str
    promotes_from: str | None
    soak_minutes: int


def names(client: "CloudFormationClient") -> list[str]:
    """Return the sorted names of the environments of the account and Region.

    Each has a stack for its pipeline. One call lists up to 100 stacks, also deleted ones unless the
    call names the states of others.
    """
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=PRESENT)
    found = (
        OF_PIPELINE.fullmatch(stack["StackName"])
        for page in pages
        for stack in page["StackSummaries"]
    )
    return sorted(name[1] for name in found if name)


def read(client: "CloudFormationClient", name: str) -> Environment:
    """Read the environment `name` with one concurrent DescribeStacks call for each of STACKS.

    Raises ConfigurationError, which names the stack that does not exist or lacks a value.
    """
    with ThreadPoolExecutor(len(STACKS)) as pool:
        stacks = pool.map(lambda short: _values(client, name, short), STACKS)
        registry, site, listener, publish, slack, pipeline = stacks
    return Environment(
        name=name,
        algorithms_table=registry.output("AlgorithmsTableName"),
        ledger_table=registry.output("LedgerTableName"),
        site_bucket=site.output("SiteBucketName"),
        metadata_bucket=site.output("MetadataBucketName"),
        distribution=site.output("DistributionId"),
        site_url=publish.parameter("SiteUrl") or site.output("SiteUrl"),
        pipeline=pipeline.output("PipelineName"),
        schema=Schema(
            phase=listener.parameter("Phase"),
            algorithm_attribute=listener.parameter("AlgorithmAttribute"),
            version_attribute=listener.parameter("VersionAttribute"),
            type_attribute=listener.parameter("TypeAttribute"),
            phase_attribute=listener.parameter("PhaseAttribute"),
            display_attribute=listener.parameter("DisplayAttribute"),
            withdraws_on_leave=listener.parameter("WithdrawsOnLeave") == "true",
        ),
        slack_channel=slack.parameter("SlackChannel"),
        slack_api_url=slack.parameter("SlackApiUrl"),
        slack_token_arn=slack.parameter("SlackTokenArn"),
        promotes_from=listener.parameter("PromotesFrom") or None,
        soak_minutes=int(listener.parameter("SoakMinutes")),
    )


@dataclass(frozen=True)
class _Values:
    """The outputs and parameters of a stack. Raises ConfigurationError for a missing one."""

    stack: Stack
    remedy: str

    def output(self, key: str) -> str:
        return self._value(self.stack.outputs, "output", key)

    def parameter(self, key: str) -> str:
        return self._value(self.stack.parameters, "parameter", key)

    def _value(self, values: Mapping[str, str], kind: str, key: str) -> str:
        if key not in values:
            where = f"stack {self.stack.name}"
            raise ConfigurationError(where, f"it has no {kind} {key}", self.remedy)
        return values[key]


def _values(client: "CloudFormationClient", environment: str, short: str) -> _Values:
    remedy = f"Run: phaseline deploy --environment {environment}"
    stack = describe(client, environment, short)
    if stack is None:
        where = f"stack phaseline-{environment}-{short}"
        raise ConfigurationError(where, "it is not deployed", remedy)
    return _Values(stack, remedy)
