"""What is deployed as one environment: the names and addresses in its stacks' outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phaseline.algorithms.schema import Schema
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

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
    """The environment `name`, by one DescribeStacks call for each of its four stacks.

    Raises ConfigurationError naming the stack that is not there or lacks a value.
    """
    registry, site, functions, pipeline = (
        _describe(client, name, short) for short in ("registry", "site", "functions", "pipeline")
    )
    return Environment(
        name=name,
        algorithms_table=registry.output("AlgorithmsTableName"),
        ledger_table=registry.output("LedgerTableName"),
        site_bucket=site.output("SiteBucketName"),
        metadata_bucket=site.output("MetadataBucketName"),
        distribution=site.output("DistributionId"),
        site_url=functions.parameter("SiteUrl") or site.output("SiteUrl"),
        pipeline=pipeline.output("PipelineName"),
        schema=Schema(
            phase=functions.parameter("Phase"),
            algorithm_attribute=functions.parameter("AlgorithmAttribute"),
            version_attribute=functions.parameter("VersionAttribute"),
            type_attribute=functions.parameter("TypeAttribute"),
            phase_attribute=functions.parameter("PhaseAttribute"),
            display_attribute=functions.parameter("DisplayAttribute"),
        ),
        slack_channel=functions.parameter("SlackChannel"),
        slack_api_url=functions.parameter("SlackApiUrl"),
        slack_token_arn=functions.parameter("SlackTokenArn"),
        promotes_from=functions.parameter("PromotesFrom") or None,
        soak_minutes=int(functions.parameter("SoakMinutes")),
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
