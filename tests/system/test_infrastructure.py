"""The infrastructure of a whole environment, changed by hand through AWS's API and looked at with
the rights of the drift role; a function is mended with those of the repair role."""

import copy
import io
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from local.system import CREDENTIALS, ENVIRONMENT, System, deployment
from local.waiting import PATIENCE
from phaseline.deploy.plan import EVERY
from phaseline.drift import code_check
from phaseline.drift import deployed as drift_deployed
from phaseline.drift.deployed import Checkout, CheckResult, Clients, Deployed
from phaseline.drift.function_code import Redeployment
from phaseline.drift.infrastructure import InfrastructureCheck
from phaseline.drift.report import Finding, Repair
from phaseline.drift.template_rules import Template
from scripts.deploy import templates
from scripts.deploy.plan import make_plan
from tests.builders.archives import compress_otherwise
from tests.builders.roles import IMMUTABLE
from tests.emulator.conftest import Emulator
from tests.system.account import PARAMETERS, Account

ROLES = ("cloudformation", "github", "drift")


@dataclass(frozen=True)
class Environment:
    """The system with the roles of the workflows, and what the checkout declares of it."""

    system: System
    account: Account
    declared: Checkout

    def client(self, role: str, service: str) -> Any:
        """A client with the rights of a job of drift.yml in the environment."""
        rights = self.account.rights(role, sub=f"{IMMUTABLE}:environment:{ENVIRONMENT}")
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.system.endpoint,
            region_name=CREDENTIALS["AWS_REGION"],
            aws_access_key_id=rights["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=rights["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=rights["AWS_SESSION_TOKEN"],
        )

    def look(self) -> CheckResult:
        """What the drift role finds."""
        clients = Clients(
            self.client("DriftRole", "cloudformation"),
            self.client("DriftRole", "lambda"),
            self.client("DriftRole", "codepipeline"),
            lambda service: self.client("DriftRole", service),
        )
        deployed = Deployed(ENVIRONMENT, self.declared, clients, templates.read)
        return InfrastructureCheck(deployed, clock=time.monotonic, sleep=time.sleep).run()

    def findings(self) -> list[Finding]:
        """The same, where everything could be looked at."""
        found = self.look()
        assert found.failures == ()
        return list(found.findings)


def checkout(system: System) -> Checkout:
    """What this checkout declares, with packages that are built now."""
    given = PARAMETERS | {"SlackTokenArn": deployment.parameters(system)["SlackTokenArn"]}
    plan = make_plan(ENVIRONMENT, None, (given | deployment.parameters(system)).items(), EVERY)
    return drift_deployed.checkout(plan, templates.read)


@pytest.fixture(scope="module")
def environment(system: System) -> Iterator[Environment]:
    """The system with the roles; those of the workflows are taken away at the end."""
    known = deployment.parameters(system)
    tokens = {name: known[name] for name in ("GithubTokenArn", "SlackTokenArn")}
    given = PARAMETERS | tokens
    selected = [f"--stack={name}" for name in ROLES]
    deployment.run_deploy(system, "deploy-roles.log", given, *selected)
    deployment.follow_stacks(system)
    outputs = system.outputs["github"] | system.outputs["drift"]
    account = Account(
        Emulator(system.endpoint, system.folder / "git"),
        {name.removesuffix("Arn"): value for name, value in outputs.items()},
    )
    account.tell_keys()
    yield Environment(system, account, checkout(system))
    cloudformation = system.client("cloudformation")
    for name in ("drift", "github"):  # the roles of the other stacks have cloudformation's boundary
        stack = f"phaseline-{ENVIRONMENT}-{name}"
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
        )
    deployment.follow_stacks(system)


def test_new_deployment_has_no_findings(environment: Environment) -> None:
    """Nothing is found in any stack, and what nobody checks is named."""
    found = environment.look()
    assert (found.findings, found.failures) == ((), ())
    assert any("AWS::S3::BucketPolicy" in name for name in found.unchecked)


def test_machine_with_another_compressor_finds_no_drift(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its zips have other bytes than those that were deployed, and the same content."""
    compress_otherwise(monkeypatch)
    system = environment.system
    assert Environment(system, environment.account, checkout(system)).findings() == []


def test_changed_setting_rule_and_mapping_are_found(environment: Environment) -> None:
    """By property; each in the template that declares it."""
    system = environment.system
    functions, events = system.client("lambda"), system.client("events")
    name = system.function("CacheInvalidator")
    [mapping] = functions.list_event_source_mappings(
        FunctionName=system.function("StreamListener")
    )["EventSourceMappings"]
    [rule] = [
        one["Name"]
        for one in events.list_rules()["Rules"]
        if "pipeline-DocumentChanged" in one["Name"]
    ]
    size = functions.get_function_configuration(FunctionName=name)["MemorySize"]
    functions.update_function_configuration(FunctionName=name, MemorySize=1024)
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    events.disable_rule(Name=rule)
    try:
        found = {(one.kind, one.subject, one.found) for one in environment.findings()}
    finally:
        events.enable_rule(Name=rule)
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        functions.update_function_configuration(FunctionName=name, MemorySize=size)
    stack = f"stack phaseline-{ENVIRONMENT}"
    assert found == {
        (
            "stack-drift",
            f"{stack}-publish",
            f"CacheInvalidator: /MemorySize: expected {size}, found 1024",
        ),
        (
            "stack-drift",
            f"{stack}-listener",
            "StreamMapping: /Enabled: expected true, found false",
        ),
        (
            "stack-drift",
            f"{stack}-pipeline",
            "DocumentChanged: /State: expected ENABLED, found DISABLED",
        ),
    }
    assert environment.findings() == []


def test_changed_code_is_found_and_redeployed(environment: Environment) -> None:
    """The repair role gives the function what its stack declares, once; the drift role may not."""
    system = environment.system
    name = system.function("ReleaseVerifier")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context): pass")
    system.client("lambda").update_function_code(FunctionName=name, ZipFile=packed.getvalue())
    [finding] = environment.findings()
    assert (finding.kind, finding.subject) == ("code", "function release_verifier")
    assert finding.repair == Repair("redeploy", {"function": "release_verifier"})
    with pytest.raises(Exception, match="AccessDenied"):
        redeployed(environment, "DriftRole")
    assert redeployed(environment, "RepairRole")
    assert not redeployed(environment, "RepairRole")
    assert environment.findings() == []


def redeployed(environment: Environment, role: str) -> bool:
    """Whether the verifier's code had to be changed."""
    redeployment = Redeployment(
        environment.client(role, "lambda"),
        environment.client(role, "s3"),
        clock=time.monotonic,
        sleep=time.sleep,
    )
    cloudformation = environment.client(role, "cloudformation")
    return code_check.redeploy(cloudformation, redeployment, ENVIRONMENT, "release_verifier")


def test_changed_pipeline_is_found(environment: Environment) -> None:
    """An action without its input, and a stage that nothing enters."""
    system = environment.system
    client, name = system.client("codepipeline"), system.pipeline
    declared = client.get_pipeline(name=name)["pipeline"]
    edited = copy.deepcopy(declared)
    build = edited["stages"][1]["actions"][0]
    build["configuration"]["PrimarySource"] = "InMetadata"
    client.update_pipeline(pipeline=edited)
    with closed(system, "Publish"):
        definition, publish = environment.findings()
    client.update_pipeline(pipeline=declared)
    path = "stages.Build.actions.Build.configuration.PrimarySource"
    assert definition.found == f"{path}: expected FrontendSource, found InMetadata"
    assert publish.found == "Publish is closed"
    assert "(a holiday)" in publish.sentence
    assert environment.findings() == []


@contextmanager
def closed(system: System, stage: str) -> Iterator[None]:
    """With the way into a stage closed."""
    way: Any = {
        "pipelineName": system.pipeline,
        "stageName": stage,
        "transitionType": "Inbound",
    }
    client = system.client("codepipeline")
    client.disable_stage_transition(**way, reason="a holiday")
    try:
        yield
    finally:
        client.enable_stage_transition(**way)


def test_differences_from_another_checkout_are_found(environment: Environment) -> None:
    """A template and a parameter that are not what was deployed."""
    template = environment.declared.templates["registry"]
    sections = copy.deepcopy(dict(template.sections))
    sections["Resources"]["Ledger"]["Properties"]["BillingMode"] = "PROVISIONED"
    other = Checkout(
        {
            **environment.declared.templates,
            "registry": Template(sections, template.lines),
        },
        {
            **environment.declared.parameters,
            "slack": {**environment.declared.parameters["slack"], "SlackChannel": "C2"},
        },
        {**environment.declared.code, "site_publisher": "a" * 64},
    )
    found = Environment(environment.system, environment.account, other).findings()
    assert [(one.kind, one.file) for one in found] == [
        ("template", "infra/registry.yaml"),
        ("code", "infra/publish.yaml"),
        ("parameter", "infra/slack.yaml"),
    ]
    assert all(one.line and one.repair is None for one in found)
