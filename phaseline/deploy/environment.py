"""What is deployed as one environment: the names and addresses in its stacks' outputs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phaseline.algorithms.schema import Schema
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACKS = ("registry", "site", "listener", "publish", "slack", "pipeline")
"""The stacks that tell what is deployed."""
PREFIX = "metadata/"
"""Where the metadata bucket holds the documents: the templates' rules and sources name it."""


@dataclass(frozen=True)
class Environment:
    """One deployed environment. `schema` is how its algorithms table names things.

    `promotes_from` is the environment before this one, where a version must have been live for
    `soak_minutes` before it is promoted here; None for one whose versions come from the stream.
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


@dataclass(frozen=True)
class _Stack:
    """A stack's outputs and parameters; `name` is the whole one."""

    name: str
    environment: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def output(self, key: str) -> str:
        return self._of(self.outputs, "output", key)

    def parameter(self, key: str) -> str:
        return self._of(self.parameters, "parameter", key)

    def _of(self, values: Mapping[str, str], kind: str, key: str) -> str:
        if key not in values:
            raise ConfigurationError(
                f"stack {self.name}", f"it has no {kind} {key}", _deploy(self.environment)
            )
        return values[key]


def read(client: "CloudFormationClient", name: str) -> Environment:
    """The environment `name`, by one DescribeStacks call for each of STACKS, all at once.

    Raises ConfigurationError naming the stack that is not there or lacks a value.
    """
    with ThreadPoolExecutor(len(STACKS)) as pool:
        stacks = pool.map(lambda short: _describe(client, name, short), STACKS)
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
        ),
        slack_channel=slack.parameter("SlackChannel"),
        slack_api_url=slack.parameter("SlackApiUrl"),
        slack_token_arn=slack.parameter("SlackTokenArn"),
        promotes_from=listener.parameter("PromotesFrom") or None,
        soak_minutes=int(listener.parameter("SoakMinutes")),
    )


def _describe(client: "CloudFormationClient", environment: str, short: str) -> _Stack:
    name = f"phaseline-{environment}-{short}"
    missing = ConfigurationError(f"stack {name}", "it is not deployed", _deploy(environment))
    try:
        found = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            raise missing from error
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise missing
    return _Stack(
        name=name,
        environment=environment,
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        parameters={
            one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])
        },
    )


def _deploy(environment: str) -> str:
    return f"Run: python -m scripts deploy --environment {environment}"
