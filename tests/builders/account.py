"""An environment as AWS deploys it: the names of its resources, and the policies of its roles."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.names import generated_name
from phaseline.deploy.parameters import read
from phaseline.deploy.plan import EVERY, TEMPLATES
from tests.templates import PSEUDO, Resolved

EXAMPLE = Path(__file__).parents[2] / "infra/parameters/production.example.json"
SUFFIXES = ("Xe4bK9qLz7Rd", "1U44TLUZ7OR55")
"""Suffixes of generated names. AWS makes them of 12 characters, and made them of 13."""
NAMED = {
    "AWS::CloudWatch::Alarm": (255, "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::DynamoDB::Table": (255, "dynamodb:{region}:{account}:table/{name}"),
    "AWS::Events::Rule": (64, "events:{region}:{account}:rule/{name}"),
    "AWS::IAM::ManagedPolicy": (128, "iam::{account}:policy/{name}"),
    "AWS::IAM::Role": (64, "iam::{account}:role/{name}"),
    "AWS::Lambda::Function": (64, "lambda:{region}:{account}:function:{name}"),
    "AWS::Logs::LogGroup": (512, "logs:{region}:{account}:log-group:{name}"),
    "AWS::S3::Bucket": (63, "s3:::{name}"),
    "AWS::SQS::Queue": (80, "sqs:{region}:{account}:{name}"),
}
"""The types whose names CloudFormation generates: the limit of the name, and the ARN.
https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""
CHOSEN = {
    "AWS::CloudFront::Function": ("Name", "cloudfront::{account}:function/{name}"),
    "AWS::CodeBuild::Project": ("Name", "codebuild:{region}:{account}:project/{name}"),
    "AWS::CodePipeline::Pipeline": ("Name", "codepipeline:{region}:{account}:{name}"),
}
"""The types that the templates name: the property of the name, and the ARN."""
NUMBERED = {
    "AWS::CloudFront::Distribution": "cloudfront::{account}:distribution/{name}",
    "AWS::CloudFront::OriginAccessControl": "cloudfront::{account}:origin-access-control/{name}",
    "AWS::CodeConnections::Connection": "codeconnections:{region}:{account}:connection/{name}",
    "AWS::IAM::OIDCProvider": "iam::{account}:oidc-provider/token.actions.githubusercontent.com",
    "AWS::Lambda::EventSourceMapping": "lambda:{region}:{account}:event-source-mapping:{name}",
}
"""The types whose IDs the service chooses: the ARN."""
OPTIONS = {"RollBackOnFailure": "true", "PromotesFrom": "upstream"}
"""Parameters that switch on what is off by default."""
REF_IS_ARN = {
    "AWS::CodeConnections::Connection",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
}


@dataclass(frozen=True)
class Grant:
    """A statement of a policy, resolved. `holder` is the logical ID of the role or the policy."""

    stack: str
    holder: str
    statement: dict[str, Any]

    @property
    def label(self) -> str:
        """The place of the statement in the templates."""
        return f"{self.stack}: {self.holder}.{self.statement.get('Sid', 'trust')}"


class Account:
    """The stacks of one environment.

    `parameters` are values for every template that declares them; `suffix` ends generated names.
    """

    def __init__(
        self,
        environment: str,
        parameters: Mapping[str, str] | None = None,
        suffix: str = SUFFIXES[0],
    ) -> None:
        self.environment, self.suffix = environment, suffix
        sections = read(EXAMPLE.read_text("utf-8"), str(EXAMPLE), EVERY)
        computed = {f"{name}Stack": self.stack_name(name.lower()) for name in _STACK_PARAMETERS}
        computed |= {
            "Environment": environment,
            "CloudFormationStack": self.stack_name("cloudformation"),
            "PipelineName": f"phaseline-{environment}",
            "CodeBucket": "code",
        }
        self.stacks = {
            stack: _Stack(
                self,
                stack,
                {**sections.get("common", {}), **sections.get(stack, {}), **computed}
                | dict(parameters or {}),
            )
            for stack in EVERY
        }

    def stack_name(self, stack: str) -> str:
        """The name of a stack of the environment."""
        return f"phaseline-{self.environment}-{stack}"

    def arns(self) -> dict[tuple[str, str], str]:
        """The ARN of every resource that has one, by stack and logical ID."""
        return {
            (name, logical_id): arn
            for name, stack in self.stacks.items()
            for logical_id in stack.resources()
            if (arn := stack.arn(logical_id))
        }

    def grants(self) -> Iterator[Grant]:
        """The statements of all policies of roles."""
        for name, stack in self.stacks.items():
            for logical_id, kind in stack.resources().items():
                if kind not in {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
                    continue
                properties = stack.properties(logical_id)
                documents = [one["PolicyDocument"] for one in properties.get("Policies", [])]
                if "PolicyDocument" in properties:
                    documents.append(properties["PolicyDocument"])
                for document in documents:
                    for statement in document["Statement"]:
                        yield Grant(name, logical_id, statement)

    def trusts(self) -> Iterator[Grant]:
        """The statements of all trust policies, with the role itself as the resource."""
        for name, stack in self.stacks.items():
            for logical_id, kind in stack.resources().items():
                if kind == "AWS::IAM::Role":
                    document = stack.properties(logical_id)["AssumeRolePolicyDocument"]
                    for statement in document["Statement"]:
                        resource = {"Resource": stack.arn(logical_id)}
                        yield Grant(name, logical_id, statement | resource)

    def resource_policies(self) -> Iterator[Grant]:
        """The statements of the policies of buckets and queues."""
        for name, stack in self.stacks.items():
            for logical_id, kind in stack.resources().items():
                if kind in {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}:
                    for statement in stack.properties(logical_id)["PolicyDocument"]["Statement"]:
                        yield Grant(name, logical_id, statement)


_STACK_PARAMETERS = ("Github", "Registry", "Site", "Publish", "Slack")


class _Stack(Resolved):
    """One stack, whose references are the names and ARNs of its resources."""

    def __init__(self, account: Account, stack: str, parameters: Mapping[str, str]) -> None:
        super().__init__(TEMPLATES[stack], {})
        declared = self.template["Parameters"]
        self.account = account
        self.values |= {name: one for name, one in parameters.items() if name in declared}
        self.values |= {name: f"code/{name}" for name in declared if name.endswith("CodeKey")}
        self.values["AWS::StackName"] = account.stack_name(stack)

    def resources(self) -> dict[str, str]:
        """The types of the resources that the conditions leave, by logical ID."""
        return {
            name: resource["Type"]
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def name(self, logical_id: str) -> str:
        """The physical name or ID of a resource."""
        kind = self.template["Resources"][logical_id]["Type"]
        if kind == "AWS::IAM::ManagedPolicy" and "ManagedPolicyName" in self._declared(logical_id):
            return str(self.value(self._declared(logical_id)["ManagedPolicyName"]))
        if kind in NAMED:
            limit, _ = NAMED[kind]
            stack = self.values["AWS::StackName"]
            name = generated_name(stack, logical_id, self.account.suffix, limit)
            return name.lower() if kind == "AWS::S3::Bucket" else name
        if kind in CHOSEN:
            return str(self.value(self._declared(logical_id)[CHOSEN[kind][0]]))
        return f"id-of-{self.account.environment}-{logical_id}".lower()

    def _declared(self, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.template["Resources"][logical_id].get("Properties", {})
        return properties

    def arn(self, logical_id: str) -> str | None:
        """The ARN of a resource, if its type has one."""
        kind = self.template["Resources"][logical_id]["Type"]
        shapes = {one: shape for one, (_, shape) in (NAMED | CHOSEN).items()} | NUMBERED
        if kind not in shapes:
            return None
        shape = f"arn:{{partition}}:{shapes[kind]}"
        return shape.format(
            partition=PSEUDO["AWS::Partition"],
            region=PSEUDO["AWS::Region"],
            account=PSEUDO["AWS::AccountId"],
            name=self.name(logical_id),
        )

    def reference(self, name: str) -> str:
        """The name or ARN of a resource of the stack, or another attribute in brackets."""
        logical_id, _, attribute = name.partition(".")
        kind = self.template["Resources"][logical_id]["Type"]
        if attribute == "Arn" or (not attribute and kind in REF_IS_ARN):
            # The attribute of a log group ends so that it covers the group's streams.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
            streams = ":*" if kind == "AWS::Logs::LogGroup" else ""
            return f"{self.arn(logical_id)}{streams}"
        if attribute == "StreamArn":
            return f"{self.arn(logical_id)}/stream/2026-01-01T00:00:00.000"
        return f"<{name}>" if attribute else self.name(logical_id)

    def imported(self, name: str) -> Any:
        """The value of another stack's output."""
        for stack in self.account.stacks.values():
            for output in stack.template.get("Outputs", {}).values():
                if stack.value(output["Export"]["Name"]) == name:
                    return stack.value(output["Value"])
        raise KeyError(name)


@functools.cache
def deployed(environment: str, suffix: str = SUFFIXES[0]) -> Account:
    """An environment with the example's parameters and everything that can be switched on."""
    return Account(environment, OPTIONS, suffix)


@functools.cache
def variants() -> tuple[Account, ...]:
    """The same environment with existing resources of each kind, and with none."""
    parameter = "arn:aws:ssm:eu-central-1:111122223333:parameter/phaseline/token"
    former = "arn:aws:codestar-connections:eu-central-1:111122223333:connection/00000000"
    changes: tuple[dict[str, str], ...] = (
        {},
        {"ConnectionArn": former, "SlackTokenArn": parameter, "GithubTokenArn": parameter},
        {"ConnectionArn": "", "ExistingStreamArn": ""},
    )
    return tuple(Account("production", OPTIONS | change) for change in changes)


def listed(value: Any) -> list[Any]:
    """A list: the value itself, or a list of the single value."""
    return value if isinstance(value, list) else [value]
