"""Pure: the plan of an environment: its stacks, in the order of their dependencies, and functions.

::

    registry  site            do not depend on each other, and are deployed concurrently
          \\   |
           \\  documents, packages
            \\ |
      listener  publish  slack  watch
                    |     |
                   pipeline

The roles of GitHub's workflows, and the role that CloudFormation assumes, are separate stacks. Only
an administrator deploys them. `phaseline.deploy.execute` executes a plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phaseline.deploy.parameters import TemplateParameters, assign, given

WAVES = (
    ("cloudformation",),
    ("github",),
    ("drift",),
    ("registry", "site"),
    ("listener", "publish", "slack", "watch"),
    ("pipeline",),
)
"""The stacks in the order of their dependencies. The stacks of a wave are deployed concurrently."""
EVERY = tuple(stack for wave in WAVES for stack in wave)
ROLES = {"cloudformation": "cloudformation-role", "github": "github-oidc", "drift": "drift-roles"}
"""The stacks of the roles, and the names of their templates."""
STACKS = tuple(stack for stack in EVERY if stack not in ROLES)
"""The default stacks of a deploy. A role that deploys must not extend its own permissions."""
TEMPLATES = {name: name for name in STACKS} | ROLES
"""The name of each stack's template."""
NEEDS = {
    "cloudformation": (),
    "github": ("cloudformation",),
    "drift": ("github",),
    "registry": (),
    "site": (),
    "listener": ("registry", "site"),
    "publish": ("registry", "site"),
    "slack": ("registry", "site"),
    "watch": ("registry", "site"),
    "pipeline": ("site", "publish", "slack"),
}
FUNCTIONS = {
    "stream_listener": "listener",
    "site_publisher": "publish",
    "cache_invalidator": "publish",
    "release_verifier": "publish",
    "slack_notifier": "slack",
    "execution_recorder": "watch",
    "automatic_rollback": "watch",
}
"""The Lambda functions, and the stack of each."""


def resource(function: str) -> str:
    """Return the logical ID of a function in its template.

    >>> resource("site_publisher")
    'SitePublisher'
    """
    return "".join(word.capitalize() for word in function.split("_"))


def key_parameter(function: str) -> str:
    """Return the name of the template's parameter for the key of a function's package.

    >>> key_parameter("site_publisher")
    'SitePublisherCodeKey'
    """
    return f"{resource(function)}CodeKey"


UPLOADED = frozenset({"CodeBucket", *map(key_parameter, FUNCTIONS)})
"""The parameters that locate the code. A deploy sets them after its upload."""


@dataclass(frozen=True)
class Plan:
    """The declared state of an environment.

    `selected` are the stacks to deploy, `templates` the templates of all stacks. `sections` are the
    values of parameters by stack or `common`; `overrides` go to every template that declares them.
    `repository` contains the code, and `environment_paths` its installed requirements.
    CloudFormation assumes the role `role_arn`.
    """

    environment: str
    selected: frozenset[str]
    templates: Mapping[str, str]
    sections: Mapping[str, Mapping[str, str]]
    overrides: Mapping[str, str]
    repository: Path
    environment_paths: Sequence[Path]
    role_arn: str = ""

    def stack(self, name: str) -> str:
        """Return the full name of one of the environment's stacks."""
        return f"phaseline-{self.environment}-{name}"

    def parameter(self, stack: str, name: str) -> str:
        """Return the value that a stack's parameter is given, or "" without one."""
        return given(stack, self.sections, self.overrides).get(name, "")

    def waves(self) -> list[list[str]]:
        """Return the selected stacks by wave."""
        waves = [[name for name in wave if name in self.selected] for wave in WAVES]
        return [wave for wave in waves if wave]

    def functions(self) -> list[str]:
        """Return the Lambda functions of the selected stacks."""
        return [name for name, stack in FUNCTIONS.items() if stack in self.selected]

    def steps(self) -> int:
        """Return the number of steps of the plan's execution."""
        extra = 2 * bool(self.functions()) + ("site" in self.selected)
        return 1 + len(self.waves()) + extra


def parameters_of(
    plan: Plan, declared: Mapping[str, TemplateParameters], *, selected: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return the parameters of each stack except those that locate its code.

    `declared` are the parameters of the templates. Raises ConfigurationError if a stack in
    `selected` lacks a required parameter.
    """
    computed = {
        "Environment": plan.environment,
        "CloudFormationStack": plan.stack("cloudformation"),
        "GithubStack": plan.stack("github"),
        "RegistryStack": plan.stack("registry"),
        "SiteStack": plan.stack("site"),
        "PublishStack": plan.stack("publish"),
        "SlackStack": plan.stack("slack"),
    }
    return assign(
        declared,
        plan.sections,
        plan.overrides,
        computed=computed,
        later=UPLOADED,
        defaults={"PipelineName": f"phaseline-{plan.environment}"},
        selected=selected,
    )
