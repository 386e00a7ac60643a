"""The names of an environment, from its stacks, and its algorithms table, read for one version."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.algorithms.table import AlgorithmsTable
from phaseline.deploy import environment
from phaseline.errors import ConfigurationError, InputError
from tests.builders.calls import Answer, Calls
from tests.builders.refusals import refusal

VALUES: dict[str, dict[str, dict[str, str]]] = {
    "registry": {"Outputs": {"AlgorithmsTableName": "algorithms", "LedgerTableName": "ledger"}},
    "site": {
        "Outputs": {
            "SiteBucketName": "site",
            "MetadataBucketName": "metadata",
            "DistributionId": "D1",
            "SiteUrl": "https://d1.cloudfront.net",
        }
    },
    "listener": {
        "Parameters": {
            "Phase": "DONE",
            "AlgorithmAttribute": "name",
            "VersionAttribute": "version",
            "TypeAttribute": "kind",
            "PhaseAttribute": "stage",
            "DisplayAttribute": "show",
            "WithdrawsOnLeave": "false",
            "PromotesFrom": "",
            "SoakMinutes": "0",
        },
    },
    "publish": {"Parameters": {"SiteUrl": ""}},
    "slack": {
        "Parameters": {
            "SlackChannel": "C1",
            "SlackApiUrl": "https://slack.com/api/",
            "SlackTokenArn": "arn:token",
        },
    },
    "pipeline": {"Outputs": {"PipelineName": "phaseline-demo"}},
}
SCHEMA = Schema("DONE", "name", "version", "kind", "stage", "show", withdraws_on_leave=False)


class Deployed:
    """The stacks of the environment `demo`; a test changes their values or their status."""

    def __init__(self) -> None:
        self.client = boto3.client("cloudformation")
        self.values = {
            name: {kind: dict(held) for kind, held in kinds.items()}
            for name, kinds in VALUES.items()
        }
        self.status = dict.fromkeys(VALUES, "UPDATE_COMPLETE")
        self.calls = Calls(self.client, DescribeStacks=self._describe)

    def _describe(self, params: dict[str, Any]) -> Answer:
        name = params["StackName"].removeprefix("phaseline-demo-")
        if name not in self.status:
            message = f"Stack with id {params['StackName']} does not exist"
            return refusal("ValidationError", message)
        held = self.values[name]
        outputs, parameters = held.get("Outputs", {}), held.get("Parameters", {})
        stack = {
            "StackId": f"arn:aws:cloudformation:eu-central-1:111122223333:stack/{name}/1",
            "StackStatus": self.status[name],
            "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        }
        return {"Stacks": [stack]}


def test_environment_is_read_with_one_call_for_each_stack() -> None:
    deployed = Deployed()
    found = environment.read(deployed.client, "demo")
    assert found == environment.Environment(
        name="demo",
        algorithms_table="algorithms",
        ledger_table="ledger",
        site_bucket="site",
        metadata_bucket="metadata",
        distribution="D1",
        site_url="https://d1.cloudfront.net",
        pipeline="phaseline-demo",
        schema=SCHEMA,
        slack_channel="C1",
        slack_api_url="https://slack.com/api/",
        slack_token_arn="arn:token",
        promotes_from=None,
        soak_minutes=0,
    )
    assert sorted(asked["StackName"] for asked in deployed.calls.of("DescribeStacks")) == sorted(
        f"phaseline-demo-{name}" for name in VALUES
    )


def test_configured_site_url_takes_precedence_over_the_distribution() -> None:
    deployed = Deployed()
    deployed.values["publish"]["Parameters"]["SiteUrl"] = "https://www.example.com"
    assert environment.read(deployed.client, "demo").site_url == "https://www.example.com"


def test_environment_names_its_upstream_and_its_soak() -> None:
    deployed = Deployed()
    deployed.values["listener"]["Parameters"]["PromotesFrom"] = "staging"
    deployed.values["listener"]["Parameters"]["SoakMinutes"] = "90"
    found = environment.read(deployed.client, "demo")
    assert (found.promotes_from, found.soak_minutes) == ("staging", 90)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("state", ["missing", "only a change set", "without a value"])
def test_missing_or_outdated_stack_is_named_with_its_remedy(name: str, state: str) -> None:
    deployed = Deployed()
    if state == "missing":
        del deployed.status[name]
    elif state == "only a change set":
        deployed.status[name] = "REVIEW_IN_PROGRESS"
    else:
        next(iter(deployed.values[name].values())).popitem()
    with pytest.raises(ConfigurationError) as caught:
        environment.read(deployed.client, "demo")
    assert caught.value.where == f"stack phaseline-demo-{name}"
    assert "phaseline deploy --environment demo" in caught.value.remedy


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidClientTokenId"])
def test_only_a_validation_error_says_that_a_stack_is_missing(code: str) -> None:
    """The message of any error may contain the words "does not exist"."""
    client = boto3.client("cloudformation")
    Calls(client, DescribeStacks=lambda _: refusal(code, "The security token does not exist"))
    with pytest.raises(ClientError, match=code):
        environment.read(client, "demo")


def test_denied_call_is_not_reported_as_a_missing_stack() -> None:
    client = boto3.client("cloudformation")
    Calls(client, DescribeStacks=lambda _: "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        environment.read(client, "demo")


@pytest.fixture(params=["version", "number"])
def registry(request: pytest.FixtureRequest) -> Iterator[AlgorithmsTable]:
    """A table with other names, whose sort key is the version or something else."""
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="algorithms",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "name", "AttributeType": "S"},
                {"AttributeName": request.param, "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "name", "KeyType": "HASH"},
                {"AttributeName": request.param, "KeyType": "RANGE"},
            ],
        )
        for number, (version, stage) in enumerate([("1.0", "DONE"), ("1.1", "RUNNING")]):
            put(client, number, version=version, stage=stage)
        yield AlgorithmsTable(client, "algorithms", SCHEMA)


def put(client: Any, number: int, *, kind: str = "opt", **values: str) -> None:
    """Write an item of the algorithm `a`."""
    text = {"name": "a", "number": str(number), "kind": kind} | values
    item: dict[str, Any] = {key: {"S": value} for key, value in text.items()}
    client.put_item(
        TableName="algorithms", Item=item | {"show": {"M": {"title": {"S": "A"}, "n": {"N": "2"}}}}
    )


def test_tested_version_is_returned_with_its_type_and_display(registry: AlgorithmsTable) -> None:
    assert registry.tested("a", "1.0") == AlgorithmVersion(
        "opt", "a", "1.0", {"title": "A", "n": 2}
    )


@pytest.mark.parametrize(("algorithm", "version"), [("a", "1.1"), ("a", "9"), ("b", "1.0")])
def test_version_outside_the_phase_is_not_tested(
    registry: AlgorithmsTable, algorithm: str, version: str
) -> None:
    assert registry.tested(algorithm, version) is None


def test_invalid_item_is_refused_with_its_table_and_attribute(registry: AlgorithmsTable) -> None:
    put(registry.client, 7, version="3.0", stage="DONE", kind="sideways")
    with pytest.raises(InputError, match=r"table algorithms, item .*'kind'"):
        registry.tested("a", "3.0")


def test_environments_are_those_with_a_pipeline() -> None:
    """Deleted stacks are not asked for, and other stacks are left out."""
    client = boto3.client("cloudformation")
    pages = {
        None: ["phaseline-staging-pipeline", "phaseline-demo-site", "other"],
        "2": ["phaseline-demo-pipeline", "my-phaseline-x-pipeline", "phaseline-X-pipeline"],
    }

    def listed(asked: dict[str, Any]) -> Answer:
        token = asked.get("NextToken")
        summaries = [{"StackName": name} for name in pages[token]]
        return {"StackSummaries": summaries} | ({} if token else {"NextToken": "2"})

    calls = Calls(client, ListStacks=listed)
    assert environment.names(client) == ["demo", "staging"]
    assert "DELETE_COMPLETE" not in calls.asked[0][1]["StackStatusFilter"]
