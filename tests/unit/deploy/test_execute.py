"""The order of a deployment, its packages and its dry run."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from phaseline.deploy.change_sets import DeclaredStack, StackResult
from phaseline.deploy.execute import (
    Apply,
    DeployResult,
    Executor,
    Preview,
    Uploaded,
    deploy,
)
from phaseline.deploy.package import Package, build
from phaseline.deploy.parameters import TemplateParameters
from phaseline.deploy.plan import EVERY, FUNCTIONS, STACKS, Plan
from phaseline.deploy.stacks import Stacks
from phaseline.errors import ConfigurationError, DeploymentError
from tests.builders.archives import compress_otherwise
from tests.builders.parameters import TEMPLATES, declared, keys_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client


@dataclass
class Recorder:
    """An executor that writes down what it is told."""

    told: list[str] = field(default_factory=list)
    parameters: dict[str, Mapping[str, str]] = field(default_factory=dict)
    needs: dict[str, Mapping[str, StackResult | None]] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)

    def stack(
        self, declared: DeclaredStack, needs: Mapping[str, StackResult | None]
    ) -> StackResult:
        """Note the stack."""
        self.told.append(declared.name)
        self.parameters[declared.name] = declared.parameters
        self.needs[declared.name] = needs
        self.roles.append(declared.role_arn)
        return StackResult(declared.name, "update")

    def code_bucket(self, site_stack: str) -> str:
        """One bucket."""
        return f"bucket of {site_stack}"

    def upload(self, bucket: str, built: Package) -> Uploaded:
        """Note the package."""
        self.told.append(f"{built.name} to {bucket}")
        return Uploaded(built, built.key, sent=True)

    def documents(self, site_stack: str) -> list[str]:
        """Note the call."""
        self.told.append(f"documents of {site_stack}")
        return []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the functions, each a handler and no more."""
    for name in FUNCTIONS:
        directory = tmp_path / "lambdas" / name
        directory.mkdir(parents=True)
        (directory / "handler.py").write_text(f"# {name}\n")
    return tmp_path


def plan(repository: Path, *selected: str) -> Plan:
    """A plan of the selected stacks, or of all."""
    return Plan(
        environment="demo",
        selected=frozenset(selected or STACKS),
        templates={name: name for name in EVERY},
        sections={"common": {"SlackChannel": "C1"}},
        overrides={},
        repository=repository,
        environment_paths=[],
    )


@dataclass(frozen=True)
class Templates(Stacks):
    """Stacks that only know the parameters of TEMPLATES."""

    def parameters(self, name: str, template: str) -> TemplateParameters:
        """Without a call."""
        return declared(TEMPLATES[name])


def carried_out(plan: Plan, executor: Executor) -> tuple[DeployResult, list[str]]:
    """The outcome, and the titles of the steps."""
    titles: list[str] = []

    @contextmanager
    def step(title: str) -> Iterator[None]:
        titles.append(title)
        yield

    stacks = Templates(boto3.client("cloudformation"), lambda: 0, lambda _: None, lambda _: None)
    return deploy(plan, executor, stacks, step), titles


def test_stacks_are_deployed_in_the_order_of_their_dependencies(repository: Path) -> None:
    recorder = Recorder()
    whole = plan(repository)
    _, titles = carried_out(whole, recorder)
    told = recorder.told
    assert sorted(told[:2]) == ["phaseline-demo-registry", "phaseline-demo-site"]
    assert told[2] == "documents of phaseline-demo-site"
    assert told[3:10] == [f"{name} to bucket of phaseline-demo-site" for name in FUNCTIONS]
    stacks = ("listener", "publish", "slack", "watch")
    assert sorted(told[10:14]) == [f"phaseline-demo-{name}" for name in stacks]
    assert told[14:] == ["phaseline-demo-pipeline"]
    assert len(titles) == whole.steps() == 7
    publish = recorder.parameters["phaseline-demo-publish"]
    assert publish["CodeBucket"] == "bucket of phaseline-demo-site"
    key = publish["SitePublisherCodeKey"]
    assert re.fullmatch(r"code/site_publisher/[0-9a-f]{64}-[0-9a-f]{64}\.zip", key)
    watch = recorder.parameters["phaseline-demo-watch"]
    assert {name for name in watch if name.endswith("CodeKey")} == set(keys_of("watch").split())
    needs = recorder.needs["phaseline-demo-pipeline"]
    assert {name: done and done.action for name, done in needs.items()} == {
        "phaseline-demo-site": "update",
        "phaseline-demo-publish": "update",
        "phaseline-demo-slack": "update",
    }


def test_role_stacks_are_deployed_only_if_selected(repository: Path) -> None:
    """CloudFormation's role comes before the roles that pass it."""
    roles = ["phaseline-demo-cloudformation", "phaseline-demo-github", "phaseline-demo-drift"]
    recorder = Recorder()
    carried_out(plan(repository), recorder)
    assert not {*roles} & {*recorder.told}
    recorder = Recorder()
    carried_out(plan(repository, "drift", "github", "cloudformation"), recorder)
    assert recorder.told == roles


def test_cloudformation_gets_the_role_of_the_plan(repository: Path) -> None:
    recorder = Recorder()
    carried_out(replace(plan(repository), role_arn="arn:role"), recorder)
    assert set(recorder.roles) == {"arn:role"}
    assert len(recorder.roles) == len(STACKS)


@pytest.mark.parametrize(
    ("selected", "told"),
    [
        (["registry"], ["phaseline-demo-registry"]),
        (["site"], ["phaseline-demo-site", "documents of phaseline-demo-site"]),
        (["pipeline"], ["phaseline-demo-pipeline"]),
        (
            ["watch"],
            [
                "execution_recorder to bucket of phaseline-demo-site",
                "automatic_rollback to bucket of phaseline-demo-site",
                "phaseline-demo-watch",
            ],
        ),
    ],
)
def test_selected_stack_is_deployed_alone(
    repository: Path, selected: list[str], told: list[str]
) -> None:
    """With its packages and documents."""
    recorder = Recorder()
    one = plan(repository, *selected)
    _, titles = carried_out(one, recorder)
    assert recorder.told == told
    assert len(titles) == one.steps()


def test_broken_package_fails_before_any_stack_changes(repository: Path) -> None:
    (repository / "lambdas" / next(reversed(FUNCTIONS)) / "handler.py").write_text(
        "import absent\n"
    )
    recorder = Recorder()
    with pytest.raises(ConfigurationError, match="absent"):
        carried_out(plan(repository), recorder)
    assert recorder.told == []


@pytest.fixture
def s3() -> "Iterator[S3Client]":
    """S3 with the code bucket `code`."""
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="code")
        yield client


@pytest.fixture
def stub() -> Iterator[Stubber]:
    """CloudFormation that expects exactly the calls told."""
    with Stubber(boto3.client("cloudformation")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def stacks_of(stub: Stubber) -> Stacks:
    """Stacks over the stubbed client."""
    client: CloudFormationClient = stub.client  # type: ignore[assignment]
    return Stacks(client, lambda: 0, lambda _: None, lambda _: None, limit=0)


def stack_answer(name: str, status: str = "UPDATE_COMPLETE") -> dict[str, Any]:
    """A stack with the outputs of the site, as DescribeStacks answers it."""
    outputs = [
        {"OutputKey": "ArtifactBucketName", "OutputValue": "code"},
        {"OutputKey": "MetadataBucketName", "OutputValue": "code"},
    ]
    stack = {"StackName": name, "StackStatus": status, "CreationTime": 0, "Outputs": outputs}
    return {"Stacks": [stack]}


def package(tmp_path: Path, text: str = "import json\n" * 99) -> Package:
    """A package of one handler."""
    (tmp_path / "handler.py").write_text(text)
    return build(tmp_path, [], tmp_path / "out.zip")


def test_existing_package_is_not_uploaded_again(
    s3: "S3Client", stub: Stubber, tmp_path: Path
) -> None:
    built = package(tmp_path)
    executor = Apply(stacks_of(stub), s3)
    first, second = executor.upload("code", built), executor.upload("code", built)
    assert (first.sent, second.sent) == (True, False)
    stored = s3.get_object(Bucket="code", Key=str(first.key))["Body"].read()
    assert stored == built.path.read_bytes()


@pytest.mark.parametrize("executor", [Apply, Preview])
def test_package_of_another_compressor_is_not_uploaded(
    s3: "S3Client",
    stub: Stubber,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    executor: type[Apply] | type[Preview],
) -> None:
    """A machine with another zlib changes no function: the key stays, and so the parameter."""
    first = Apply(stacks_of(stub), s3).upload("code", package(tmp_path))
    compress_otherwise(monkeypatch)
    built = package(tmp_path)
    assert built.code_sha256 != first.package.code_sha256
    second = executor(stacks_of(stub), s3).upload("code", built)
    assert (second.key, second.sent) == (first.key, False)


@pytest.mark.parametrize("executor", [Apply, Preview])
def test_package_with_other_code_is_uploaded(
    s3: "S3Client", stub: Stubber, tmp_path: Path, executor: type[Apply] | type[Preview]
) -> None:
    first = Apply(stacks_of(stub), s3).upload("code", package(tmp_path))
    (tmp_path / "other").mkdir()
    changed = package(tmp_path / "other", "x = 1\n")
    second = executor(stacks_of(stub), s3).upload("code", replace(changed, name=first.package.name))
    assert second.key != first.key
    assert second.sent


def test_each_deploy_takes_the_same_of_two_packages_with_equal_content(
    s3: "S3Client", stub: Stubber, tmp_path: Path
) -> None:
    """Concurrent deploys, from machines with different compressors, may upload both."""
    built = package(tmp_path)
    others = [replace(built, sha256=digit * 64) for digit in ("0", "f")]
    for stored in (*others, built):
        s3.put_object(Bucket="code", Key=str(stored.key), Body=b"")
    uploads = [Apply(stacks_of(stub), s3).upload("code", each) for each in (*others, built)]
    assert {upload.key for upload in uploads} == {others[0].key}
    assert not any(upload.sent for upload in uploads)


def test_dry_run_uploads_nothing(s3: "S3Client", stub: Stubber, tmp_path: Path) -> None:
    """It reports the upload, also if the bucket does not exist yet."""
    built = package(tmp_path)
    executor = Preview(stacks_of(stub), s3)
    assert executor.upload("code", built).sent
    assert executor.upload("", built).sent
    stub.add_response("describe_stacks", stack_answer("site"))
    stub.add_response("describe_stacks", stack_answer("site"))
    keys = [f"metadata/{name}.zip" for name in ("in", "opt", "out")]
    assert executor.documents("site") == keys
    assert "Contents" not in s3.list_objects_v2(Bucket="code")


def test_denied_call_is_not_reported_as_a_missing_package(stub: Stubber, tmp_path: Path) -> None:
    """Only an empty list means that an object is missing."""
    client = boto3.client("s3")
    executor, built = Apply(stacks_of(stub), client), package(tmp_path)
    with Stubber(client) as denied:
        denied.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        with pytest.raises(ClientError, match="AccessDenied"):
            executor.upload("code", built)


def test_missing_documents_are_created_once(s3: "S3Client", stub: Stubber) -> None:
    s3.put_bucket_versioning(Bucket="code", VersioningConfiguration={"Status": "Enabled"})
    executor = Apply(stacks_of(stub), s3)
    for _ in range(2):
        stub.add_response("describe_stacks", stack_answer("site"))
    assert len(executor.documents("site")) == 3
    assert executor.documents("site") == []


def test_dry_run_of_a_new_environment_notes_unknown_changes(s3: "S3Client", stub: Stubber) -> None:
    """A stack has no change set before the stacks that it imports from are deployed."""
    stub.add_response("describe_stacks", stack_answer("registry"))
    stub.add_response("describe_stacks", stack_answer("site", "REVIEW_IN_PROGRESS"))
    stub.add_client_error("describe_stacks", "ValidationError", "publish does not exist")
    declared = DeclaredStack("publish", "{}", {})
    found = Preview(stacks_of(stub), s3).stack(declared, {"registry": None, "site": None})
    assert (found.action, found.note) == (
        "create",
        "its changes are known after the deploy of site",
    )


@pytest.mark.parametrize(("action", "is_error"), [("update", False), ("none", True)])
def test_dry_run_tolerates_a_missing_export_of_a_stack_to_deploy(
    s3: "S3Client", stub: Stubber, action: str, is_error: bool
) -> None:
    """A change set fails if it imports a value that the deploy will export."""
    for name in ("site", "publish"):
        stub.add_response("describe_stacks", stack_answer(name))
    stub.add_response("describe_stack_events", {"StackEvents": [EVENT]})
    stub.add_response("describe_stacks", stack_answer("publish", "ROLLBACK_COMPLETE"))
    executor = Preview(stacks_of(stub), s3)
    needs: dict[str, StackResult | None] = {"site": StackResult("site", action)}
    if is_error:
        with pytest.raises(DeploymentError):
            executor.stack(DeclaredStack("publish", "{}", {}), needs)
    else:
        found = executor.stack(DeclaredStack("publish", "{}", {}), needs)
        assert found.note == "its changes are known after the deploy of site"


EVENT = {"EventId": "1", "StackId": "i", "StackName": "publish", "Timestamp": 0}
