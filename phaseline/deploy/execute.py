"""Executes the plan of an environment, or previews it.

A dry run follows the same plan with another executor (`Preview` instead of `Apply`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.deploy import package
from phaseline.deploy.change_sets import DeclaredStack, StackResult
from phaseline.deploy.code_key import CodeKey, parse
from phaseline.deploy.environment import PREFIX
from phaseline.deploy.package import Package
from phaseline.deploy.plan import FUNCTIONS, NEEDS, Plan, key_parameter, parameters_of
from phaseline.deploy.stack import is_deployed
from phaseline.deploy.stacks import Stacks
from phaseline.documents.store import Documents
from phaseline.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Steps(Protocol):
    """Shows the title of each step while it runs."""

    def __call__(self, title: str) -> AbstractContextManager[object]: ...


@dataclass(frozen=True)
class Uploaded:
    """A function's package, its key in the code bucket, and whether it was uploaded now."""

    package: Package
    key: CodeKey
    sent: bool


@dataclass
class DeployResult:
    """The result of a deploy, or of a dry run."""

    stacks: dict[str, StackResult] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)
    packages: list[Uploaded] = field(default_factory=list)


class Executor(Protocol):
    """Executes the steps of a plan, or previews them."""

    def stack(
        self, declared: DeclaredStack, needs: Mapping[str, StackResult | None]
    ) -> StackResult:
        """Create or update a stack. `needs` maps the names of the stacks that it imports from to
        their results, or to None if they are not part of this deploy."""

    def code_bucket(self, site_stack: str) -> str:
        """Return the code bucket of the site stack."""

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Upload a package to the code bucket, unless it exists there."""

    def documents(self, site_stack: str) -> list[str]:
        """Create the missing metadata documents, and return their keys."""


@dataclass(frozen=True)
class Apply:
    """Executes the steps of a plan."""

    stacks: Stacks
    s3: "S3Client"

    def stack(
        self,
        declared: DeclaredStack,
        needs: Mapping[str, StackResult | None],  # noqa: ARG002
    ) -> StackResult:
        """Deploy the stack."""
        return self.stacks.deploy(declared)

    def code_bucket(self, site_stack: str) -> str:
        """Return the bucket that the stack's outputs name."""
        return self.stacks.outputs(site_stack)["ArtifactBucketName"]

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Upload the package, unless the bucket has one with the same content."""
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
        """Create the documents that never existed."""
        bucket = self.stacks.outputs(site_stack)["MetadataBucketName"]
        return Documents(self.s3, bucket, PREFIX, self.stacks.sleep).create_missing()


@dataclass(frozen=True)
class Preview:
    """Previews a plan: creates and deletes change sets, and uploads nothing."""

    stacks: Stacks
    s3: "S3Client"

    def stack(
        self, declared: DeclaredStack, needs: Mapping[str, StackResult | None]
    ) -> StackResult:
        """Return the changes. If the stack imports values that another stack of this plan does
        not export yet, CloudFormation cannot compute them; the result then has a note."""
        missing = [name for name in needs if not self._is_deployed(name)]
        changing = [name for name, need in needs.items() if need and need.action != "none"]
        later = "its changes are known after the deploy of {}"
        action = "update" if self._is_deployed(declared.name) else "create"
        if missing:
            return StackResult(declared.name, action, note=later.format(" and ".join(missing)))
        try:
            return self.stacks.preview(declared)
        except DeploymentError:
            if not changing:
                raise
            return StackResult(declared.name, action, note=later.format(" and ".join(changing)))

    def code_bucket(self, site_stack: str) -> str:
        """Return the bucket, or "" if it does not exist yet."""
        return (
            self.stacks.outputs(site_stack)["ArtifactBucketName"]
            if self._is_deployed(site_stack)
            else ""
        )

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Return the package, and whether a deploy would upload it."""
        stored = _stored(self.s3, bucket, built.key) if bucket else None
        return Uploaded(built, stored or built.key, sent=stored is None)

    def documents(self, site_stack: str) -> list[str]:
        """Return the keys of the documents that a deploy would create."""
        keys = [f"{PREFIX}{type_}.zip" for type_ in TYPES]
        if not self._is_deployed(site_stack):
            return keys
        bucket = self.stacks.outputs(site_stack)["MetadataBucketName"]
        return [key for key in keys if not _exists(self.s3, bucket, key)]

    def _is_deployed(self, name: str) -> bool:
        return is_deployed(self.stacks.find(name))


def deploy(plan: Plan, executor: Executor, stacks: Stacks, step: Steps) -> DeployResult:
    """Execute `plan` with `executor`, step by step.

    Parameters and packages are checked before anything is changed. Raises the errors of Stacks,
    `package` and Documents. A second run continues after the last completed step.
    """
    outcome = DeployResult()
    with step("Check templates and parameters"):
        with ThreadPoolExecutor(len(plan.templates)) as pool:
            summaries = pool.map(stacks.parameters, plan.templates.keys(), plan.templates.values())
        declared = dict(zip(plan.templates, summaries, strict=True))
        parameters = parameters_of(plan, declared, selected=plan.selected)
    built = []
    if plan.functions():
        with step(f"Build {len(plan.functions())} packages"):
            built = build(plan)
    for wave in plan.waves():
        if stacks_with_code := set(FUNCTIONS.values()) & set(wave):
            with step("Upload packages"):
                bucket = executor.code_bucket(plan.stack("site"))
                outcome.packages = [executor.upload(bucket, package_) for package_ in built]
            for name in stacks_with_code:
                parameters[name] |= _code_parameters(bucket, outcome.packages, name)
        with step(f"Deploy {' and '.join(wave)}"):
            outcome.stacks |= _deploy_wave(plan, executor, wave, parameters, outcome.stacks)
        if "site" in wave:
            with step("Create missing metadata documents"):
                outcome.documents = executor.documents(plan.stack("site"))
    return outcome


def build(plan: Plan) -> list[Package]:
    """Build the packages of the functions in the selected stacks."""
    out = plan.repository / "build" / "lambdas"
    return package.build_all(plan.functions(), plan.repository, plan.environment_paths, out)


def _code_parameters(bucket: str, uploaded: Sequence[Uploaded], stack: str) -> dict[str, str]:
    keys = {
        key_parameter(upload.package.name): str(upload.key)
        for upload in uploaded
        if FUNCTIONS[upload.package.name] == stack
    }
    return {"CodeBucket": bucket} | keys


def _deploy_wave(
    plan: Plan,
    executor: Executor,
    wave: Sequence[str],
    parameters: Mapping[str, Mapping[str, str]],
    done: Mapping[str, StackResult],
) -> dict[str, StackResult]:
    def deploy_stack(name: str) -> StackResult:
        declared = DeclaredStack(
            plan.stack(name), plan.templates[name], parameters[name], plan.role_arn
        )
        return executor.stack(declared, {plan.stack(need): done.get(need) for need in NEEDS[name]})

    # Leaving the pool waits for every stack, so that no stack is still changing after a failure.
    with ThreadPoolExecutor(len(wave)) as pool:
        return dict(zip(wave, pool.map(deploy_stack, wave), strict=True))


def _stored(s3: "S3Client", bucket: str, key: CodeKey) -> CodeKey | None:
    """Return the key of a package with the same content in the code bucket, or None.

    Concurrent deploys may upload several. The first one by key is returned, always.
    """
    listing = s3.list_objects_v2(Bucket=bucket, Prefix=key.prefix, MaxKeys=1)
    return next((parse(found["Key"]) for found in listing.get("Contents", [])), None)


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise
        return False
    return True
