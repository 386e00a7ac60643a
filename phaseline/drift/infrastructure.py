"""Whether what is deployed is what this checkout declares: stacks, code, pipeline, connection.

Everything is read; nothing is changed but a function's code, by `redeploy`. A check that fails
leaves the others alone, and is told as what it is: not looked at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.throttling import wait_out
from phaseline.deploy.plan import (
    EVERY,
    FUNCTIONS,
    STACKS,
    TEMPLATES,
    UPLOADED,
    Plan,
    build,
    parameters_of,
    resource,
)
from phaseline.deploy.stack import Stack, describe
from phaseline.deploy.stacks import Parameters
from phaseline.drift import function_code, pipeline_rules, template_rules
from phaseline.drift.function_code import Declared, Redeployment
from phaseline.drift.report import Failure, Finding, Repair
from phaseline.drift.stacks import Difference, Drifted, detect
from phaseline.drift.template_rules import Template
from phaseline.drift.template_values import UnresolvedError, Values
from phaseline.errors import ConfigurationError, PhaselineError, RefusedError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codeconnections import CodeConnectionsClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_lambda import LambdaClient

WORKERS = 8
"""Checks at once. CloudFormation slows callers down, which the checks sit out; more at once would
only wait for each other."""
SHOWN = 10
"""Differences that a sentence tells; the finding's `found` has all."""
LONGEST = 200
"""Characters of a difference that a sentence shows."""

CONNECTION_REMEDIES = {
    "PENDING": "Complete it in the console: Developer Tools, Settings, Connections.",
    "ERROR": "Install the app of the connection again: Developer Tools, Settings, Connections.",
    "missing": "Make one there, give its ARN as ConnectionArn, and deploy.",
}

T = TypeVar("T")
Read = Callable[[str | Mapping[str, Any], str], Template]
"""Reads a template; the second argument says where it is from."""


@dataclass(frozen=True)
class Checkout:
    """What this checkout declares by stack: `templates`, and `parameters` but for the code; and by
    function the digest of its `code`, in CodeSha256's spelling. `has_parameters` is whether
    anything tells the parameters of this environment: a file, or an argument."""

    templates: Mapping[str, Template]
    parameters: Mapping[str, Mapping[str, str]]
    code: Mapping[str, str]
    has_parameters: bool = True


@dataclass(frozen=True)
class Clients:
    """Clients of one account and region; `connections` makes the one of the service that a
    connection's ARN names."""

    cloudformation: "CloudFormationClient"
    functions: "LambdaClient"
    codepipeline: "CodePipelineClient"
    connections: "Callable[[str], CodeConnectionsClient]"


@dataclass(frozen=True)
class Found:
    """What was found, what has no check at all, and what could not be checked."""

    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


Check = tuple[str, Callable[[], Found]]
"""What is checked, as findings call it, and how."""


def checkout(plan: Plan, read: Read) -> Checkout:
    """What the checkout of `plan` declares; builds the packages of its selected stacks.

    Raises ConfigurationError for templates, parameters and packages that are wrong in themselves.
    """
    templates = {short: read(text, _file(short)) for short, text in plan.templates.items()}
    declared = {short: _parameters(template) for short, template in templates.items()}
    return Checkout(
        templates,
        parameters_of(plan, declared, selected=()),
        {one.name: one.code_sha256 for one in build(plan)},
        has_parameters=bool(plan.sections or plan.overrides),
    )


@dataclass(frozen=True)
class Look:
    """A look at the stacks `selected` of one environment. `limit` bounds the wait of each check,
    for a detection's end and for AWS's rate limits, in seconds by `clock`."""

    environment: str
    checkout: Checkout
    clients: Clients
    read: Read
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limit: float = 600.0
    selected: Sequence[str] = EVERY

    def run(self) -> Found:
        """All that was found, in the order of the stacks."""
        # Of all of them, because the pipeline is made of what other stacks export.
        every = [(f"stack {self._name(short)}", partial(self._described, short)) for short in EVERY]
        with ThreadPoolExecutor(WORKERS) as pool:
            described = dict(zip(EVERY, pool.map(self._tried, every), strict=True))
            stacks = {short: one for short, one in described.items() if isinstance(one, Stack)}
            failed = {short: one for short, one in described.items() if isinstance(one, Found)}
            found = [failed[short] for short in self.selected if short in failed]
            found += pool.map(self._tried, self._checks(stacks))
        return Found(
            tuple(finding for one in found for finding in one.findings),
            tuple(name for one in found for name in one.unchecked),
            tuple(failure for one in found for failure in one.failures),
        )

    def _tried(self, check: "tuple[str, Callable[[], T]]") -> "T | Found":
        """What a check finds, or that it failed."""
        subject, look = check
        try:
            return wait_out(
                look, clock=self.clock, sleep=self.sleep, deadline=self.clock() + self.limit
            )
        except UnresolvedError as error:
            reason = f"this of its template can't be worked out: {error}"
        except (PhaselineError, ClientError, BotoCoreError) as error:
            reason = str(error)
        return Found(failures=(Failure(subject, f"It could not be checked: {reason}"),))

    def _described(self, short: str) -> Stack | Found:
        """The stack, or why there is none to check."""
        stack = describe(self.clients.cloudformation, self.environment, short)
        subject = f"stack {self._name(short)}"
        if stack is None and short not in STACKS:
            return Found(unchecked=(f"{subject}: it is not deployed",))
        if stack is None:
            sentence = f"The {subject} is declared and does not exist. {self._remedy}"
            return Found(
                (Finding("missing-stack", subject, "missing", sentence, file=_file(short)),)
            )
        if stack.changing:
            sentence = f"It is being changed ({stack.status}); look again when that has ended."
            return Found(failures=(Failure(subject, sentence),))
        return stack

    def _checks(self, stacks: Mapping[str, Stack]) -> Iterator[Check]:
        for stack in (one for short, one in stacks.items() if short in self.selected):
            subject = f"stack {stack.name}"
            yield subject, partial(self._steady, self._drift, stack)
            yield subject, partial(self._steady, self._template, stack)
            for declared in function_code.declared_in(stack.outputs, stack.parameters):
                look = partial(self._code, declared=declared)
                yield f"function {declared.function}", partial(self._steady, look, stack)
        if "pipeline" in stacks.keys() & set(self.selected):
            exports = {
                name: one for stack in stacks.values() for name, one in stack.exports.items()
            }
            stack = stacks["pipeline"]
            name = stack.outputs.get("PipelineName", f"of {stack.name}")
            look = partial(self._pipeline, exports=exports)
            yield f"pipeline {name}", partial(self._steady, look, stack)
            yield "connection", partial(self._connection, stack)

    def _steady(self, look: Callable[[Stack], Found], stack: Stack) -> Found:
        """What a look at a stack finds, unless a deploy has changed the stack since."""
        found = look(stack)
        if not found.findings:
            return found
        if describe(self.clients.cloudformation, self.environment, stack.short) == stack:
            return found
        sentence = "It was changed while it was looked at; look again when that has ended."
        return Found(failures=(Failure(f"stack {stack.name}", sentence),))

    def _drift(self, stack: Stack) -> Found:
        """What CloudFormation detects; the pipeline is compared here instead."""
        subject = f"stack {stack.name}"
        seen = detect(
            self.clients.cloudformation,
            stack.name,
            clock=self.clock,
            sleep=self.sleep,
            limit=self.limit,
        )
        return Found(
            tuple(
                self._drifted(stack, one)
                for one in seen.drifted
                if one.type != pipeline_rules.PIPELINE
            ),
            tuple(
                f"{subject}: {one.resource} ({one.type})"
                for one in seen.unchecked
                if one.type != pipeline_rules.PIPELINE
            ),
            (Failure(subject, f"Its drift is not known: {seen.failure}."),) if seen.failure else (),
        )

    def _drifted(self, stack: Stack, drifted: Drifted) -> Finding:
        if drifted.status == "DELETED":
            told = ["it is gone"]
        else:
            told = [_difference(one) for one in drifted.differences]
        where = f"{drifted.resource} ({drifted.type}) of stack {stack.name}"
        return Finding(
            "stack-drift",
            f"stack {stack.name}",
            f"{drifted.resource}: {'; '.join(told)}",
            f"{where} is not as the stack declares it: {_several(told)}."
            " Set it back, or declare what is wanted in the template and deploy.",
            **self._place(stack, drifted.resource),
        )

    def _template(self, stack: Stack) -> Found:
        """Whether the stack's template and parameters are the checkout's."""
        subject, file = f"stack {stack.name}", _file(stack.short)
        declared = self.checkout.templates[stack.short]
        findings = []
        if parts := list(template_rules.parts(self._deployed(stack), declared)):
            told = [str(part) for part in parts]
            sentence = (
                f"The {subject} was not deployed from the {file} of this checkout:"
                f" {_several(told)}. {self._remedy}"
            )
            lines = [part.line for part in parts if part.line is not None]
            line = lines[0] if lines else None
            findings.append(
                Finding("template", subject, "; ".join(told), sentence, file=file, line=line)
            )
        if not self.checkout.has_parameters:
            return Found(
                tuple(findings),
                (f"{subject}: its parameters, which no file of this checkout tells",),
            )
        findings += self._settings(stack)
        hidden = template_rules.masked(stack.parameters)
        return Found(
            tuple(findings),
            tuple(f"{subject}: the parameter {one}, which is not shown" for one in hidden),
        )

    def _settings(self, stack: Stack) -> Iterator[Finding]:
        """The parameters of a stack that are not the checkout's."""
        subject, file = f"stack {stack.name}", _file(stack.short)
        values, declared = (
            self.checkout.parameters[stack.short], self.checkout.templates[stack.short],
        )  # fmt: skip
        for one in template_rules.settings(stack.parameters, values, declared, UPLOADED):
            wanted = "nothing" if one.declared is None else repr(one.declared)
            found = f"{one.name}: expected {wanted}, found {one.deployed!r}"
            sentence = (
                f"A parameter of the {subject} is not what this checkout gives it: {found}."
                " Correct the parameters file, or deploy what it says."
            )
            yield Finding("parameter", subject, found, sentence, file=file, line=one.line)

    def _code(self, stack: Stack, declared: Declared) -> Found:
        """Whether a function runs what its stack declares, and that is what the checkout builds."""
        subject = f"function {declared.function}"
        code = function_code.compare(
            self.clients.functions, declared, self.checkout.code[declared.function]
        )
        place = self._place(stack, resource(declared.function))
        findings = []
        if code.outdated:
            found = f"declared {code.declared}, this checkout builds {code.checkout}"
            sentence = (
                f"The code of {declared.name} in the stack {stack.name} is not what this checkout"
                f" builds. {self._remedy}"
            )
            findings.append(Finding("code", subject, found, sentence, **place))
        if code.changed:
            found = f"declared {code.declared}, found {code.runs}"
            sentence = (
                f"{declared.name} does not run what the stack {stack.name} declares: somebody"
                " changed its code. Redeploy it, which --repair does."
            )
            repair = Repair("redeploy", {"function": declared.function})
            findings.append(Finding("code", subject, found, sentence, repair, **place))
        return Found(tuple(findings))

    def _pipeline(self, stack: Stack, exports: Mapping[str, str]) -> Found:
        """Whether the pipeline is what the deployed template says, and no stage is closed."""
        name = self._output(stack, "PipelineName")
        subject, template = f"pipeline {name}", self._deployed(stack)
        [logical] = [
            logical
            for logical, one in template.members("Resources").items()
            if one["Type"] == pipeline_rules.PIPELINE
        ]
        place = self._place(stack, logical)
        properties = template.members("Resources")[logical]["Properties"]
        declared = self._values(stack, template, exports).resolve(properties)
        client = self.clients.codepipeline
        try:
            found = client.get_pipeline(name=name)["pipeline"]
        except client.exceptions.PipelineNotFoundException:
            sentence = (
                f"The {subject} does not exist any more. Delete the stack {stack.name}, which"
                f" holds no data, then deploy. {self._remedy}"
            )
            return Found((Finding("pipeline", subject, "missing", sentence, **place),))
        findings = []
        if told := pipeline_rules.differences(declared, found):
            sentence = (
                f"The {subject} is not as its template declares it: {_several(told)}."
                " Set it back, or declare what is wanted in the template and deploy."
            )
            findings.append(Finding("pipeline", subject, "; ".join(told), sentence, **place))
        for stage, reason in pipeline_rules.disabled(
            declared, client.get_pipeline_state(name=name)
        ):
            sentence = (
                f"Nothing enters the stage {stage} of the {subject}: its transition was disabled"
                f" ({reason or 'no reason given'}). When that is over, run: aws codepipeline"
                f" enable-stage-transition --pipeline-name {name} --stage-name {stage}"
                " --transition-type Inbound"
            )
            findings.append(Finding("pipeline", subject, f"{stage} is closed", sentence, **place))
        return Found(tuple(findings))

    def _connection(self, stack: Stack) -> Found:
        """Whether the connection to GitHub can be used."""
        arn = self._output(stack, "ConnectionArn")
        client = self.clients.connections(arn.split(":")[2])
        try:
            found = client.get_connection(ConnectionArn=arn)["Connection"]
        except client.exceptions.ResourceNotFoundException:
            found = {}
        status = found.get("ConnectionStatus", "missing")
        if status == "AVAILABLE":
            return Found()
        sentence = (
            f"The connection to GitHub is {status.lower()}, so that the pipeline can't read the"
            f" frontend: {arn}. {CONNECTION_REMEDIES[status]}"
        )
        return Found((Finding("connection", f"connection {arn}", status, sentence),))

    def _values(self, stack: Stack, template: Template, exports: Mapping[str, str]) -> Values:
        """What the functions in the stack's template stand for."""
        client, pseudo = self.clients.cloudformation, stack.pseudo()
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack.name)
        resources = [one for page in pages for one in page["StackResourceSummaries"]]
        account = f"arn:{pseudo['AWS::Partition']}:iam::{pseudo['AWS::AccountId']}"
        return Values(
            {
                **pseudo,
                **stack.parameters,
                **{
                    one["LogicalResourceId"]: one["PhysicalResourceId"]
                    for one in resources
                    if "PhysicalResourceId" in one
                },
            },
            {
                (one["LogicalResourceId"], "Arn"): f"{account}:role/{one['PhysicalResourceId']}"
                for one in resources
                if one["ResourceType"] == "AWS::IAM::Role" and "PhysicalResourceId" in one
            },
            exports,
            template.members("Conditions"),
        )

    def _place(self, stack: Stack, logical: str) -> Any:
        """Where this checkout declares a resource, as a finding's arguments."""
        template = self.checkout.templates[stack.short]
        return {"file": _file(stack.short), "line": template.line("Resources", logical)}

    def _deployed(self, stack: Stack) -> Template:
        """The template that the stack was deployed from."""
        answer = self.clients.cloudformation.get_template(
            StackName=stack.name, TemplateStage="Original"
        )
        return self.read(answer["TemplateBody"], f"template of stack {stack.name}")

    def _output(self, stack: Stack, name: str) -> str:
        """An output of a stack, which one that could not be created lacks."""
        if name not in stack.outputs:
            where = f"stack {stack.name} ({stack.status})"
            raise ConfigurationError(where, f"it has no output {name}", self._remedy)
        return stack.outputs[name]

    def _name(self, short: str) -> str:
        return f"phaseline-{self.environment}-{short}"

    @property
    def _remedy(self) -> str:
        return f"Deploy this checkout: python -m scripts deploy --environment {self.environment}"


def redeploy(
    cloudformation: "CloudFormationClient",
    redeployment: Redeployment,
    environment: str,
    function: str,
) -> bool:
    """Give a function the code that its stack declares; False where it runs that already.

    Raises ConfigurationError where the stack or the function is not there, RefusedError while the
    stack is being changed, and what `Redeployment.run` raises.
    """
    short = FUNCTIONS[function]
    stack = describe(cloudformation, environment, short)
    declared = {} if stack is None else function_code.declared_in(stack.outputs, stack.parameters)
    found = [one for one in declared if one.function == function]
    if stack is None or not found:
        raise ConfigurationError(
            f"function {function}",
            f"the stack phaseline-{environment}-{short} does not declare it",
            f"Deploy: python -m scripts deploy --environment {environment}",
        )
    if stack.changing:
        raise RefusedError(
            f"function {function}",
            f"the stack {stack.name} is being changed ({stack.status})",
            "Look again when that has ended.",
        )
    return redeployment.run(found[0])


def _parameters(template: Template) -> Parameters:
    names = frozenset(template.members("Parameters"))
    return Parameters(names, frozenset(one for one in names if template.default(one) is None))


def _file(short: str) -> str:
    return f"infra/{TEMPLATES[short]}.yaml"


def _difference(one: Difference) -> str:
    expected, found = one.expected or "nothing", one.actual or "nothing"
    return f"{one.path}: expected {expected}, found {found}"


def _several(told: Sequence[str]) -> str:
    """The differences in a sentence: no more than a person reads, and cut where they are long."""
    shown = [
        one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for one in told[:SHOWN]
    ]
    more = len(told) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
