"""The commands as a person or a job runs them, against the local system."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import standins
from local.system import ENVIRONMENT, ROOT, System, frontend
from phaseline.documents.store import Documents, Stored
from tests.builders.outputs import read_outputs
from tests.system.conftest import newest_executions, promote, settle
from tests.waiting import eventually

WAITING_BUILD = "      - while [ -e {file} ]; do sleep 0.1; done\n"
"""A command of a build that waits as long as a file exists."""


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it wrote, where."""

    code: int
    out: str
    err: str
    outputs: dict[str, str]
    summary: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Scripts:
    """Runs the commands as a step of a job: with an actor and a run, and the files of a step."""

    system: System
    folder: Path

    def run(self, command: str, *arguments: str, run: str = "1", **variables: str) -> Ran:
        """Run one command for the environment, as a part of the workflow run `run`."""
        files = {
            name: self.folder / f"{name}-{run}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.write_text("")
        environ = self.system.environ | {name: str(file) for name, file in files.items()}
        environ |= {"GITHUB_ACTOR": "ana", "GITHUB_RUN_ID": f"{self.folder.name}-{run}"}
        done = subprocess.run(
            [sys.executable, "-m", "scripts", command, "--environment", ENVIRONMENT, *arguments],
            cwd=ROOT,
            env=environ | variables,
            capture_output=True,
            text=True,
        )
        assert standins.SLACK_TOKEN not in done.stdout + done.stderr
        output, summary = (file.read_text() for file in files.values())
        return Ran(done.returncode, done.stdout, done.stderr, read_outputs(output), summary)

    def release(self, action: str, algorithm: str, version: str = "", **more: str) -> Ran:
        """Ask for something that concerns an algorithm of the type `opt`."""
        arguments = ["--action", action, "--type", "opt", "--algorithm", algorithm]
        arguments += ["--version", version] if version else []
        return self.run("release", *arguments, "--reason", "asked for", "--json", **more)

    def document(self) -> Stored:
        """The document `opt` as it is now."""
        bucket = self.system.outputs["site"]["MetadataBucketName"]
        return Documents(self.system.client("s3"), bucket, "metadata/", lambda _: None).read("opt")


@pytest.fixture
def scripts(system: System, tmp_path: Path) -> Scripts:
    """The commands, while no execution is under way."""
    settle(system)
    return Scripts(system, tmp_path)


def bring(system: System, algorithm: str, *versions: str) -> None:
    """Take versions through their test flow to the website, one after the other."""
    for version in versions:
        promote(system, "opt", algorithm, version)
    settle(system)


def build_with(system: System, text: str) -> None:
    """Push a buildspec, and wait for what that starts."""
    before = newest_executions(system)[0]["pipelineExecutionId"]
    frontend.commit(system, {"buildspec.yml": text}, "Another build")
    eventually(lambda: newest_executions(system)[0]["pipelineExecutionId"] != before)
    settle(system)


@contextmanager
def hanging_build(system: System, good_build: str, file: Path) -> Iterator[None]:
    """Let builds wait until the end of the context, as long as a file exists."""
    waiting = WAITING_BUILD.format(file=shlex.quote(str(file)))
    build_with(system, good_build.replace("    commands:\n", f"    commands:\n{waiting}", 1))
    file.touch()
    try:
        yield
    finally:
        file.unlink()


@pytest.fixture
def good_build(system: System) -> Iterator[str]:
    """The frontend's buildspec, which is there again after the test."""
    text = (ROOT / "examples/frontend/buildspec.yml").read_text()
    yield text
    if frontend.read(system, "buildspec.yml") != text:
        build_with(system, text)
