"""A deployed environment beside the checkout that declares it: what the checks of drift share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.deploy.execute import build
from phaseline.deploy.plan import TEMPLATES, Plan, parameters_of
from phaseline.deploy.stack import Stack, describe
from phaseline.deploy.stacks import Parameters
from phaseline.drift.report import Failure, Finding
from phaseline.drift.template_rules import Template
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codeconnections import CodeConnectionsClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_lambda import LambdaClient

SHOWN = 10
"""Differences that a sentence tells; the finding's `found` has all."""
LONGEST = 200
"""Characters of a difference that a sentence shows."""

Read = Callable[[str | Mapping[str, Any], str], Template]
"""Reads a template; the second argument says where it is from."""


@dataclass(frozen=True)
class Checkout:
    """What this checkout declares by stack: `templates`, and `parameters` but for the code; and by
    function the digest of its `code`'s content. `has_parameters` is whether
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


def checkout(plan: Plan, read: Read) -> Checkout:
    """What the checkout of `plan` declares; builds the packages of its selected stacks.

    Raises ConfigurationError for templates, parameters and packages that are wrong in themselves.
    """
    templates = {short: read(text, file_of(short)) for short, text in plan.templates.items()}
    declared = {short: _parameters(template) for short, template in templates.items()}
    return Checkout(
        templates,
        parameters_of(plan, declared, selected=()),
        {one.name: one.content for one in build(plan)},
        has_parameters=bool(plan.sections or plan.overrides),
    )


@dataclass(frozen=True)
class Deployed:
    """An environment as it is deployed, and the checkout that it is held against."""

    environment: str
    checkout: Checkout
    clients: Clients
    read: Read

    def place(self, stack: Stack, logical: str) -> Any:
        """Where this checkout declares a resource, as a finding's arguments."""
        template = self.checkout.templates[stack.short]
        return {"file": file_of(stack.short), "line": template.line("Resources", logical)}

    def template(self, stack: Stack) -> Template:
        """The template that the stack was deployed from."""
        answer = self.clients.cloudformation.get_template(
            StackName=stack.name, TemplateStage="Original"
        )
        return self.read(answer["TemplateBody"], f"template of stack {stack.name}")

    def output(self, stack: Stack, name: str) -> str:
        """An output of a stack, which one that could not be created lacks."""
        if name not in stack.outputs:
            where = f"stack {stack.name} ({stack.status})"
            raise ConfigurationError(where, f"it has no output {name}", self.remedy)
        return stack.outputs[name]

    def describe(self, short: str) -> Stack | None:
        """The stack, or None where it is not deployed."""
        return describe(self.clients.cloudformation, self.environment, short)

    def name(self, short: str) -> str:
        """The whole name of a stack."""
        return f"phaseline-{self.environment}-{short}"

    @property
    def remedy(self) -> str:
        """What to do about a stack that is not as declared."""
        return f"Deploy this checkout: python -m scripts deploy --environment {self.environment}"


def file_of(short: str) -> str:
    """The file of a stack's template in the checkout."""
    return f"infra/{TEMPLATES[short]}.yaml"


def _parameters(template: Template) -> Parameters:
    names = frozenset(template.members("Parameters"))
    return Parameters(names, frozenset(one for one in names if template.default(one) is None))


def several(told: Sequence[str]) -> str:
    """The differences in a sentence: no more than a person reads, and cut where they are long."""
    shown = [
        one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for one in told[:SHOWN]
    ]
    more = len(told) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
