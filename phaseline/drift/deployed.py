"""The deployed environment and the checkout that declares it, which the drift checks compare."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phaseline.deploy.execute import build
from phaseline.deploy.parameters import TemplateParameters
from phaseline.deploy.plan import TEMPLATES, Plan, parameters_of
from phaseline.deploy.stack import Stack, describe
from phaseline.drift.report import Failure, Finding
from phaseline.drift.template_rules import Template
from phaseline.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_codeconnections import CodeConnectionsClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_lambda import LambdaClient

SHOWN = 10
"""Maximum number of differences in a sentence. The finding's `found` contains all."""
LONGEST = 200
"""Maximum length of a difference in a sentence, in characters."""

Read = Callable[[str | Mapping[str, Any], str], Template]
"""Parses a template. The second argument names its source in errors."""


@dataclass(frozen=True)
class Checkout:
    """The declarations of this checkout.

    `templates` and `parameters` are by stack; the parameters that locate the code are left out.
    `code` is the digest of the content of each function's package. `has_parameters` says whether a
    file or an argument gives the parameters of this environment.
    """

    templates: Mapping[str, Template]
    parameters: Mapping[str, Mapping[str, str]]
    code: Mapping[str, str]
    has_parameters: bool = True


@dataclass(frozen=True)
class Clients:
    """Clients of one account and region. `connections` creates the client for the service that the
    ARN of a connection names."""

    cloudformation: "CloudFormationClient"
    functions: "LambdaClient"
    codepipeline: "CodePipelineClient"
    connections: "Callable[[str], CodeConnectionsClient]"


@dataclass(frozen=True)
class CheckResult:
    """The result of a check: findings, the names of unchecked things, and failed checks."""

    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def checkout(plan: Plan, read: Read) -> Checkout:
    """Return the declarations of the checkout, and build the packages of the selected stacks.

    Raises ConfigurationError for invalid templates, parameters and packages.
    """
    templates = {short: read(text, file_of(short)) for short, text in plan.templates.items()}
    declared = {short: _parameters(template) for short, template in templates.items()}
    return Checkout(
        templates,
        parameters_of(plan, declared, selected=()),
        {package.name: package.content for package in build(plan)},
        has_parameters=bool(plan.sections or plan.overrides),
    )


@dataclass(frozen=True)
class Deployed:
    """A deployed environment, and the checkout to compare it with."""

    environment: str
    checkout: Checkout
    clients: Clients
    read: Read

    def place(self, stack: Stack, logical: str) -> Any:
        """Return the place in the checkout that declares a resource, as arguments of a Finding."""
        template = self.checkout.templates[stack.short]
        return {"file": file_of(stack.short), "line": template.line("Resources", logical)}

    def template(self, stack: Stack) -> Template:
        """Return the template that the stack was deployed from."""
        answer = self.clients.cloudformation.get_template(
            StackName=stack.name, TemplateStage="Original"
        )
        return self.read(answer["TemplateBody"], f"template of stack {stack.name}")

    def output(self, stack: Stack, name: str) -> str:
        """Return an output of a stack. A stack whose creation failed has none."""
        if name not in stack.outputs:
            where = f"stack {stack.name} ({stack.status})"
            raise ConfigurationError(where, f"it has no output {name}", self.remedy)
        return stack.outputs[name]

    def describe(self, short: str) -> Stack | None:
        """Return the stack, or None if it is not deployed."""
        return describe(self.clients.cloudformation, self.environment, short)

    def name(self, short: str) -> str:
        """Return the full name of a stack."""
        return f"phaseline-{self.environment}-{short}"

    @property
    def remedy(self) -> str:
        """The remedy for a stack that differs from the checkout."""
        return f"Deploy this checkout: phaseline deploy --environment {self.environment}"


def file_of(short: str) -> str:
    """Return the path of a stack's template in the checkout."""
    return f"infra/{TEMPLATES[short]}.yaml"


def _parameters(template: Template) -> TemplateParameters:
    names = frozenset(template.members("Parameters"))
    return TemplateParameters(
        names, frozenset(one for one in names if template.default(one) is None)
    )


def summary(differences: Sequence[str]) -> str:
    """Return the first differences for a sentence, each shortened, and the number of the others."""
    shown = [
        text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for text in differences[:SHOWN]
    ]
    more = len(differences) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
