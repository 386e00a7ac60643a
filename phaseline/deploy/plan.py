"""Pure: the plan of an environment: its stacks, in the order of their needs, and its functions.

::

    registry  site            the two need nothing of each other and go at once
          \\   |
           \\  documents, packages
            \\ |
      listener  publish  slack  watch
                    |     |
                   pipeline

The roles of GitHub's workflows, and the one that CloudFormation acts as, are stacks of their own,
which only an administrator deploys. `phaseline.deploy.execute` carries a plan out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phaseline.deploy.parameters import assign
from phaseline.deploy.stacks import Parameters

if TYPE_CHECKING:
    pass

WAVES = (
    ("cloudformation",),
    ("github",),
    ("drift",),
    ("registry", "site"),
    ("listener", "publish", "slack", "watch"),
    ("pipeline",),
)
"""The stacks in the order of their needs; those of one wave go at once."""
EVERY = tuple(stack for wave in WAVES for stack in wave)
ROLES = {"cloudformation": "cloudformation-role", "github": "github-oidc", "drift": "drift-roles"}
"""The stacks of the roles, and what their templates are called."""
STACKS = tuple(stack for stack in EVERY if stack not in ROLES)
"""What is deployed unless told otherwise: a role that deploys must not be able to widen itself."""
TEMPLATES = {name: name for name in STACKS} | ROLES
"""What the template of each stack is called."""
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
"""The Lambdas, and the stack of each."""


def resource(function: str) -> str:
    """What the templates call a function: `site_publisher` -> SitePublisher."""
    return "".join(word.capitalize() for word in function.split("_"))


def key_parameter(function: str) -> str:
    """The template's parameter for a function's key: `site_publisher` -> SitePublisherCodeKey."""
    return f"{resource(function)}CodeKey"


UPLOADED = frozenset({"CodeBucket", *map(key_parameter, FUNCTIONS)})
"""The parameters that say where the code is, which only a deploy's upload can tell."""


@dataclass(frozen=True)
class Plan:
    """What an environment should be. `templates` holds every stack's, `selected` the stacks to
    deploy; `sections` are the parameters by stack or `common`, `overrides` go to every template
    that declares them; `repository` is where the code is, `environment_paths` where its
    requirements are installed; `role_arn` is the role that CloudFormation acts as."""

    environment: str
    selected: frozenset[str]
    templates: Mapping[str, str]
    sections: Mapping[str, Mapping[str, str]]
    overrides: Mapping[str, str]
    repository: Path
    environment_paths: Sequence[Path]
    role_arn: str = ""

    def stack(self, name: str) -> str:
        """The name of the environment's stack."""
        return f"phaseline-{self.environment}-{name}"

    def waves(self) -> list[list[str]]:
        """The selected stacks, wave by wave."""
        waves = [[name for name in wave if name in self.selected] for wave in WAVES]
        return [wave for wave in waves if wave]

    def functions(self) -> list[str]:
        """The Lambdas of the selected stacks."""
        return [name for name, stack in FUNCTIONS.items() if stack in self.selected]

    def steps(self) -> int:
        """How many steps carrying it out takes."""
        extra = 2 * bool(self.functions()) + ("site" in self.selected)
        return 1 + len(self.waves()) + extra


def parameters_of(
    plan: Plan, declared: Mapping[str, Parameters], *, selected: Iterable[str]
) -> dict[str, dict[str, str]]:
    """The parameters of each stack but for its code; `declared` are the templates'. Those of the
    stacks in `selected` are complete, or ConfigurationError is raised."""
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
