"""Deploys an environment: a plan of stacks, documents and functions, and who carries it out.

A dry run walks the same plan with another executor (`Preview` for `Apply`), so that what it
shows is what a deploy does::

    registry  site            the two need nothing of each other and go at once
          \\   |
           \\  documents, packages
            \\ |
      listener  publish  slack  watch
                    |     |
                   pipeline

The roles of GitHub's workflows, and the one that CloudFormation acts as, are stacks of their own,
which only an administrator deploys.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.deploy import package
from phaseline.deploy.change_sets import Declared
from phaseline.deploy.environment import PREFIX
from phaseline.deploy.package import Package
from phaseline.deploy.parameters import assign
from phaseline.deploy.stack import is_deployed
from phaseline.deploy.stacks import Parameters, Result, Stacks
from phaseline.documents.store import Documents
from phaseline.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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


class Steps(Protocol):
    """Names each step to a person while it runs."""

    def __call__(self, title: str) -> AbstractContextManager[object]: ...


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


@dataclass(frozen=True)
class Uploaded:
    """A function's package, its key in the code bucket, and whether it had to be sent."""

    package: Package
    key: str
    sent: bool


@dataclass
class Outcome:
    """What a deploy did, or a dry run would do."""

    stacks: dict[str, Result] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)
    packages: list[Uploaded] = field(default_factory=list)


class Executor(Protocol):
    """Carries a plan out, or only looks."""

    def stack(self, declared: Declared, needs: Mapping[str, Result | None]) -> Result:
        """Bring a stack to what is declared. `needs` names the stacks that it imports from, with
        what was just done to them, or None for one that is no part of this deploy."""

    def code_bucket(self, site_stack: str) -> str:
        """The bucket for code that the site stack made."""

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Put a package where CloudFormation finds it, unless it is there."""

    def documents(self, site_stack: str) -> list[str]:
        """Create the metadata documents that are missing; their keys."""


@dataclass(frozen=True)
class Apply:
    """Carries a plan out."""

    stacks: Stacks
    s3: "S3Client"

    def stack(self, declared: Declared, needs: Mapping[str, Result | None]) -> Result:  # noqa: ARG002
        """Deploy the stack."""
        return self.stacks.deploy(declared)

    def code_bucket(self, site_stack: str) -> str:
        """The bucket, out of the stack's outputs."""
        return self.stacks.outputs(site_stack)["ArtifactBucketName"]

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Send the package, unless its key is there: the key says the content."""
        key = code_key(built)
        if _exists(self.s3, bucket, key):
            return Uploaded(built, key, sent=False)
        self.s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=built.path.read_bytes(),
            ContentType="application/zip",
            ChecksumSHA256=built.code_sha256,
        )
        return Uploaded(built, key, sent=True)

    def documents(self, site_stack: str) -> list[str]:
        """Create those that never existed."""
        bucket = self.stacks.outputs(site_stack)["MetadataBucketName"]
        return Documents(self.s3, bucket, PREFIX, self.stacks.sleep).create_missing()


@dataclass(frozen=True)
class Preview:
    """Only looks: change sets are made, shown and removed, and nothing is sent."""

    stacks: Stacks
    s3: "S3Client"

    def stack(self, declared: Declared, needs: Mapping[str, Result | None]) -> Result:
        """What would change; without a change set where CloudFormation could not make one,
        because the stack imports what a stack of this same plan has yet to export."""
        missing = [name for name in needs if not self._is_deployed(name)]
        changing = [name for name, done in needs.items() if done and done.action != "none"]
        later = "its changes can be told after the deploy of {}"
        action = "update" if self._is_deployed(declared.name) else "create"
        if missing:
            return Result(declared.name, action, note=later.format(" and ".join(missing)))
        try:
            return self.stacks.preview(declared)
        except DeploymentError:
            if not changing:
                raise
            return Result(declared.name, action, note=later.format(" and ".join(changing)))

    def code_bucket(self, site_stack: str) -> str:
        """The bucket, or nothing where it has yet to be made."""
        return (
            self.stacks.outputs(site_stack)["ArtifactBucketName"]
            if self._is_deployed(site_stack)
            else ""
        )

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Whether the package would be sent."""
        key = code_key(built)
        return Uploaded(built, key, sent=not bucket or not _exists(self.s3, bucket, key))

    def documents(self, site_stack: str) -> list[str]:
        """Those that would be created."""
        keys = [f"{PREFIX}{type_}.zip" for type_ in TYPES]
        if not self._is_deployed(site_stack):
            return keys
        bucket = self.stacks.outputs(site_stack)["MetadataBucketName"]
        return [key for key in keys if not _exists(self.s3, bucket, key)]

    def _is_deployed(self, name: str) -> bool:
        return is_deployed(self.stacks.find(name))


def deploy(plan: Plan, executor: Executor, stacks: Stacks, step: Steps) -> Outcome:
    """Let `executor` carry out `plan`, step by step.

    What can be wrong with parameters and packages is found before anything is changed. Raises
    what Stacks, package and Documents raise; running it again then goes on where it stopped.
    """
    outcome = Outcome()
    with step("Check templates and parameters"):
        with ThreadPoolExecutor(len(plan.templates)) as pool:
            found = pool.map(stacks.parameters, plan.templates.keys(), plan.templates.values())
        declared = dict(zip(plan.templates, found, strict=True))
        parameters = parameters_of(plan, declared, selected=plan.selected)
    built = []
    if plan.functions():
        with step(f"Build {len(plan.functions())} packages"):
            built = build(plan)
    for wave in plan.waves():
        if coded := set(FUNCTIONS.values()) & set(wave):
            with step("Upload packages"):
                bucket = executor.code_bucket(plan.stack("site"))
                outcome.packages = [executor.upload(bucket, one) for one in built]
            for name in coded:
                parameters[name] |= _code_parameters(bucket, outcome.packages, name)
        with step(f"Deploy {' and '.join(wave)}"):
            outcome.stacks |= _deploy_wave(plan, executor, wave, parameters, outcome.stacks)
        if "site" in wave:
            with step("Create missing metadata documents"):
                outcome.documents = executor.documents(plan.stack("site"))
    return outcome


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


def build(plan: Plan) -> list[Package]:
    """The packages of the selected stacks' Lambdas."""
    paths = [plan.repository, *plan.environment_paths]
    return [
        package.build(
            plan.repository / "lambdas" / name,
            paths,
            plan.repository / "build" / "lambdas" / f"{name}.zip",
        )
        for name in plan.functions()
    ]


def _code_parameters(bucket: str, uploaded: Sequence[Uploaded], stack: str) -> dict[str, str]:
    keys = {
        key_parameter(one.package.name): one.key
        for one in uploaded
        if FUNCTIONS[one.package.name] == stack
    }
    return {"CodeBucket": bucket} | keys


def _deploy_wave(
    plan: Plan,
    executor: Executor,
    wave: Sequence[str],
    parameters: Mapping[str, Mapping[str, str]],
    done: Mapping[str, Result],
) -> dict[str, Result]:
    def one(name: str) -> Result:
        declared = Declared(plan.stack(name), plan.templates[name], parameters[name], plan.role_arn)
        return executor.stack(declared, {plan.stack(need): done.get(need) for need in NEEDS[name]})

    # Leaving the pool waits for both, so that the failure of one never leaves the other unseen.
    with ThreadPoolExecutor(len(wave)) as pool:
        return dict(zip(wave, pool.map(one, wave), strict=True))


def code_key(built: Package) -> str:
    """Where a package is in the code bucket: equal content has an equal key."""
    return f"code/{built.name}/{built.sha256}.zip"


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise
        return False
    return True
