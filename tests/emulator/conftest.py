"""The emulator, once for all tests, with one stack and the repository that its pipeline watches."""

import io
import os
import socket
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from local.waiting import PATIENCE
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".phaseline/emulator/bin/python"

T = TypeVar("T")

BUILDSPEC = """\
version: 0.2
env:
  variables:
    FROM_SPEC: spec
phases:
  install:
    commands:
      - export CARRIED=carried
  build:
    commands:
      - echo building $COMMIT
      - mkdir dist && cd dist
      - env > env.txt
      - cp "$CODEBUILD_SRC_DIR_OptMetadata/opt.json" .
    finally:
      - echo finally ran
  post_build:
    commands:
      - echo "afterwards, with $CODEBUILD_BUILD_SUCCEEDING"
artifacts:
  base-directory: dist
  files: ["**/*"]
"""


def zipped(**files: str) -> bytes:
    """A zip of files; a double underscore in a name stands for its dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return buffer.getvalue()


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    url: str
    git_root: Path

    def client(self, service: Any) -> Any:
        """A client of an administrator."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def push(self, message: str, **files: str) -> str:
        """Commit files to acme/site, push, and tell the emulator, as the git hook does."""
        work = self.git_root.parent / "work"
        for name, text in files.items():
            (work / name.replace("__", ".")).write_text(text)
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--allow-empty", "--message", message)
        git(work, "push", "--quiet", "origin", "main")
        return git(work, "rev-parse", "HEAD")


def git(directory: Path, *arguments: str) -> str:
    """Run git without the developer's settings."""
    identity = {"NAME": "Ada", "EMAIL": "ada@example.org"}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in identity.items()},
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A server of its own, and a bare repository acme/site with one commit."""
    home = tmp_path_factory.mktemp("emulator")
    bare, work = home / "git/acme/site.git", home / "work"
    bare.mkdir(parents=True)
    work.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch", "main")
    git(work, "init", "--quiet", "--initial-branch", "main")
    git(work, "remote", "add", "origin", str(bare))
    environment = {**os.environ, "CALLER_SECRET": "must not reach a build"}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        command: list[str | Path] = [PYTHON, ROOT / "local/aws/serve.py"]
        command += ["--socket", str(listener.fileno()), "--git-root", home / "git"]
        command += ["--state", home / "state", "--log", home / "log"]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
    running = Emulator(f"http://127.0.0.1:{port}", home / "git")
    try:
        eventually(lambda: _answers(f"{running.url}/_ministack/health"))
        running.push("First", buildspec__yml=BUILDSPEC)
        yield running
    finally:
        process.terminate()
        code = process.wait(timeout=PATIENCE)
    assert code == 0
    assert not (home / "state/tmp").exists()


@pytest.fixture(scope="session")
def stack(emulator: Emulator) -> Emulator:
    """The emulator with stack.yaml deployed and the first execution done."""
    s3, cloudformation = emulator.client("s3"), emulator.client("cloudformation")
    for bucket in ("source", "artifacts", "site"):
        s3.create_bucket(Bucket=bucket)
    versioning = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket="source", VersioningConfiguration=versioning)
    eventing: dict[str, Any] = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket="source", NotificationConfiguration=eventing)
    s3.put_object(Bucket="source", Key="metadata/opt.zip", Body=zipped(opt__json="{}"))
    parameters = {"SourceBucket": "source", "ArtifactBucket": "artifacts", "SiteBucket": "site"}
    cloudformation.create_stack(
        StackName="delivery",
        TemplateBody=(Path(__file__).parent / "stack.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="delivery", WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
    # It would build what the first test pushes.
    pipeline = emulator.client("codepipeline")
    eventually(lambda: _statuses(pipeline) and "InProgress" not in _statuses(pipeline))
    return emulator


def _statuses(pipeline: Any) -> list[str]:
    listed = pipeline.list_pipeline_executions(pipelineName="delivery")
    return [one["status"] for one in listed["pipelineExecutionSummaries"]]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310 - loopback
            return bool(response.status == 200)
    except OSError:
        return False
