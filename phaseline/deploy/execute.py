"""Carries out the plan of an environment, or only looks.

A dry run walks the same plan with another executor (`Preview` for `Apply`), so that it shows what a
deploy does.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.deploy import package
from phaseline.deploy.change_sets import Declared
from phaseline.deploy.code_key import CodeKey, parse
from phaseline.deploy.environment import PREFIX
from phaseline.deploy.package import Package
from phaseline.deploy.plan import FUNCTIONS, NEEDS, Plan, key_parameter, parameters_of
from phaseline.deploy.stack import is_deployed
from phaseline.deploy.stacks import Result, Stacks
from phaseline.documents.store import Documents
from phaseline.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Steps(Protocol):
    """Names each step to a person while it runs."""

    def __call__(self, title: str) -> AbstractContextManager[object]: ...


@dataclass(frozen=True)
class Uploaded:
    """A function's package, its key in the code bucket, and whether it had to be sent."""

    package: Package
    key: CodeKey
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
        """Send the package, unless one with the same content is there, whatever packed it."""
        if stored := _stored(self.s3, bucket, built.key):
            return Uploaded(built, stored, sent=False)
        self.s3.put_object(
            Bucket=bucket,
            Key=str(built.key),
            Body=built.path.read_bytes(),
            ContentType="application/zip",
            ChecksumSHA256=built.code_sha256,
        )
        return Uploaded(built, built.key, sent=True)

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
        stored = _stored(self.s3, bucket, built.key) if bucket else None
        return Uploaded(built, stored or built.key, sent=stored is None)

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
        key_parameter(one.package.name): str(one.key)
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


def _stored(s3: "S3Client", bucket: str, key: CodeKey) -> CodeKey | None:
    """The key of a package with the same content in the code bucket, or None. Of several, which
    deploys at once may leave, it is always the first."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key.prefix, MaxKeys=1)
    return next((parse(one["Key"]) for one in found.get("Contents", [])), None)


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise
        return False
    return True
