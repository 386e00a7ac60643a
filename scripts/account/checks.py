"""The read-only checks of an account: what each one reads. `rules` decides.

docs/verified.md names the check that shows whether an assumption holds in a real account.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.refusals import code_of
from phaseline.aws.wording import wording
from phaseline.deploy import environment
from phaseline.deploy.plan import EVERY, STACKS
from phaseline.deploy.stack import Stack, describe
from phaseline.errors import ConfigurationError, PhaselineError
from phaseline.site.manifests import ServedManifest
from scripts.account import github_rules, rules
from scripts.account.rules import Judgement, Status
from scripts.github import environment_settings
from scripts.github.environment_settings import EnvironmentSettings
from scripts.github.repository_settings import RepositorySettings

LOOKED_AT = 100
"""The most executions that are read, the newest first."""
ITEMS_LIMIT = 200
"""The most items of the algorithms table that are read: one page, whatever the table's size."""
MISSING = {"ResourceNotFoundException", "ParameterNotFound"}
RIGHTS = (
    ("github", "DeployRole", "s3:PutObject", "{ArtifactBucketArn}/code/verify.zip"),
    ("github", "DeployRole", "s3:PutObject", "{MetadataBucketArn}/metadata/opt.zip"),
    ("github", "PromoteRole", "s3:PutObject", "{MetadataBucketArn}/metadata/opt.zip"),
    ("github", "PromoteRole", "codepipeline:StartPipelineExecution", "{PipelineArn}"),
    ("drift", "DriftRole", "iam:GetRole", "{CloudFormationRoleArn}"),
    ("listener", "StreamListenerRole", "s3:PutObject", "{MetadataBucketArn}/metadata/opt.zip"),
    ("publish", "SitePublisherRole", "s3:PutObject", "{SiteBucketArn}/index.html"),
    ("pipeline", "StartRole", "codepipeline:StartPipelineExecution", "{PipelineArn}"),
)
"""Permissions that depend on names which CloudFormation generates: the stack and the logical ID of
the role, the action, and the resource with outputs of the stacks."""


@dataclass(frozen=True)
class Account:
    """An account with an environment.

    `client` creates a client of a service, such as "s3". `fetch` returns the manifest of a website,
    and `github` the settings of the repository whose workflows deploy.
    """

    environment: str
    client: Callable[[str], Any]
    fetch: Callable[[str], ServedManifest]
    github: Callable[[], RepositorySettings]

    @cached_property
    def stacks(self) -> dict[str, Stack | None]:
        """All stacks by their short names; None if one is not deployed."""
        client = self.client("cloudformation")
        return {short: describe(client, self.environment, short) for short in EVERY}

    def stack(self, short: str) -> Stack:
        """Return a deployed stack. Raises ConfigurationError."""
        stack = self.stacks[short]
        if stack is None:
            raise ConfigurationError(
                f"stack phaseline-{self.environment}-{short}", "it is not deployed", "Deploy it."
            )
        return stack

    def output(self, short: str, key: str) -> str:
        """Return an output of a stack."""
        return self.stack(short).outputs[key]

    def resources(self, short: str, type_: str) -> dict[str, str]:
        """Return the names of a stack's resources of a type, by their logical IDs."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.stack(short).name)
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == type_
        }

    def executions(self) -> list[dict[str, Any]]:
        """Return the newest executions of the pipeline."""
        pages = self.client("codepipeline").get_paginator("list_pipeline_executions")
        settings = {"MaxItems": LOOKED_AT}
        found = pages.paginate(
            pipelineName=self.output("pipeline", "PipelineName"), PaginationConfig=settings
        )
        return [one for page in found for one in page["pipelineExecutionSummaries"]]


def stacks(account: Account) -> Judgement:
    """Every stack is deployed, and can be updated."""
    statuses = {name: one.status if one else None for name, one in account.stacks.items()}
    return rules.stacks(statuses, STACKS)


def connection(account: Account) -> Judgement:
    """The connection to GitHub is available."""
    arn = account.output("pipeline", "ConnectionArn")
    service = "codestar-connections" if ":codestar-connections:" in arn else "codeconnections"
    found = account.client(service).get_connection(ConnectionArn=arn)
    return rules.connection(found["Connection"]["ConnectionStatus"])


def push(account: Account) -> Judgement:
    """A push to the frontend starts the pipeline."""
    remedy = "Complete the connection, push a commit to the frontend, and run this again."
    return rules.started_by(account.executions(), "WebhookV2", remedy)


def document(account: Account) -> Judgement:
    """A new version of a document starts the pipeline."""
    remedy = "Promote a version, and run this again."
    return rules.started_by(account.executions(), "CloudWatchEvent", remedy)


def stream(account: Account) -> Judgement:
    """The stream of the algorithms table has both images, and the algorithm is the key."""
    arn = account.output("registry", "AlgorithmsStreamArn")
    found = account.client("dynamodbstreams").describe_stream(StreamArn=arn, Limit=1)
    partition_key = account.stack("listener").parameters["AlgorithmAttribute"]
    return rules.stream(found["StreamDescription"], partition_key)


def items(account: Account) -> Judgement:
    """The items of the algorithms table have the attributes and the phase of the parameters."""
    found = environment.read(account.client("cloudformation"), account.environment)
    table = found.algorithms_table
    page = account.client("dynamodb").scan(TableName=table, Limit=ITEMS_LIMIT)
    return rules.items(table, page["Items"], found.schema)


def mapping(account: Account) -> Judgement:
    """The stream invokes the listener, and its last batch was processed."""
    name = account.output("listener", "StreamListenerFunctionName")
    found = account.client("lambda").list_event_source_mappings(FunctionName=name)
    return rules.mappings(found["EventSourceMappings"])


def functions(account: Account) -> Judgement:
    """Every function is active."""
    client = account.client("lambda")
    return rules.functions(
        client.get_function_configuration(FunctionName=name)
        for short in STACKS
        for name in account.resources(short, "AWS::Lambda::Function").values()
    )


def documents_bucket(account: Account) -> Judgement:
    """The bucket of the documents keeps versions, and sends events to EventBridge."""
    client, bucket = account.client("s3"), account.output("site", "MetadataBucketName")
    return rules.documents_bucket(
        client.get_bucket_versioning(Bucket=bucket),
        client.get_bucket_notification_configuration(Bucket=bucket),
    )


def website(account: Account) -> Judgement:
    """Visitors are served a manifest."""
    url = account.stack("publish").parameters.get("SiteUrl") or account.output("site", "SiteUrl")
    manifest = account.fetch(url)
    return Judgement(Status.HOLDS, f"{url} serves the build of {manifest.execution}")


def secrets(account: Account) -> Judgement:
    """The secrets with the tokens exist. Their values are not read."""
    arns = [
        account.stack("listener").parameters["GithubTokenArn"],
        account.stack("slack").parameters["SlackTokenArn"],
    ]
    return rules.secrets({arn: _secret(account, arn) for arn in arns})


def _secret(account: Account, arn: str) -> Mapping[str, Any] | None:
    try:
        if ":ssm:" in arn:
            name = arn.partition(":parameter")[2]
            filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
            found = account.client("ssm").describe_parameters(ParameterFilters=filters)
            return next(iter(found["Parameters"]), None)
        description: Mapping[str, Any] = account.client("secretsmanager").describe_secret(
            SecretId=arn
        )
    except ClientError as error:
        if code_of(error) in MISSING:
            return None
        raise
    return description


def alarms(account: Account) -> Judgement:
    """Every alarm exists, and none is on."""
    names = [
        name
        for short in STACKS
        for name in account.resources(short, "AWS::CloudWatch::Alarm").values()
    ]
    client = account.client("cloudwatch")
    found: list[dict[str, Any]] = []
    for some in _batches(names, 100):  # the most names of one request
        found += client.describe_alarms(AlarmNames=some)["MetricAlarms"]
    return rules.alarms(found, len(names))


def permissions(account: Account) -> Judgement:
    """IAM allows each role what depends on the names that CloudFormation generated."""
    deployed = {short: stack for short, stack in account.stacks.items() if stack}
    outputs = {key: value for stack in deployed.values() for key, value in stack.outputs.items()}
    client = account.client("iam")
    decisions = {}
    for short, role, action, named in RIGHTS:
        if short not in deployed:  # without workflows, nobody needs their roles
            continue
        name = account.resources(short, "AWS::IAM::Role")[role]
        answer = client.simulate_principal_policy(
            PolicySourceArn=client.get_role(RoleName=name)["Role"]["Arn"],
            ActionNames=[action],
            ResourceArns=[named.format(**outputs)],
        )
        (result,) = answer["EvaluationResults"]
        decisions[f"{name} {action} {named.format(**outputs)}"] = result["EvalDecision"]
    return rules.permissions(decisions)


def _wanted(account: Account) -> EnvironmentSettings:
    stacks = {short: account.stack(short) for short in environment_settings.STACKS}
    present = account.github().variables(environment_settings.SHARED)
    return environment_settings.settings_of(account.environment, stacks, (), present)


def github_environment(account: Account) -> Judgement:
    """The environment exists in GitHub, and its deployments need a review."""
    settings = account.github()
    found = settings.present(_wanted(account)).environment
    return github_rules.environment(found, is_private=settings.is_private)


def github_branch(account: Account) -> Judgement:
    """Only jobs of the branch that the roles trust may deploy to the environment."""
    wanted = _wanted(account)
    return github_rules.branch(account.github().present(wanted), wanted.branch)


def github_variables(account: Account) -> Judgement:
    """The variables that the workflows read have the values of the stacks."""
    wanted = _wanted(account)
    return github_rules.variables(account.github().present(wanted), wanted)


def code_owners(account: Account) -> Judgement:
    """GitHub finds no error in the file that names the code owners."""
    branch = account.stack("github").parameters["Branch"]
    return github_rules.code_owners(account.github().code_owner_errors(branch), branch)


def _batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(names)
    while some := list(islice(left, size)):
        yield some


CHECKS: Mapping[str, Callable[[Account], Judgement]] = {
    "stacks": stacks,
    "permissions": permissions,
    "connection": connection,
    "push": push,
    "document": document,
    "stream": stream,
    "items": items,
    "mapping": mapping,
    "functions": functions,
    "documents-bucket": documents_bucket,
    "website": website,
    "secrets": secrets,
    "alarms": alarms,
    "github-environment": github_environment,
    "github-branch": github_branch,
    "github-variables": github_variables,
    "code-owners": code_owners,
}
"""The checks by name, in the order in which they are made."""


def outcome(account: Account, name: str) -> Judgement:
    """Return the outcome of a check. An error leaves it unknown, and is reported."""
    try:
        return CHECKS[name](account)
    except PhaselineError as error:
        return Judgement(Status.UNKNOWN, f"{error.where}: {error.found}", error.remedy)
    except (ClientError, BotoCoreError) as error:
        return Judgement(Status.UNKNOWN, wording(error), "Use the rights of an administrator.")
