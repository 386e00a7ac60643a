"""docs/setup.md is followed, command by command, on the local system.

`aws` and `gh` are small programs of this test: the first makes the same call through boto3, the
second answers as GitHub does and writes down what it was told. The push goes to a bare repository.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.system import start
from local.waiting import PATIENCE
from requirements.environments import add_program
from tests.builders.roles import claims
from tests.emulator.conftest import ROOT, Emulator
from tests.system.account import Account

AWS = """
import sys
import boto3, jmespath
service, operation, *rest = sys.argv[1:]
options = dict(zip(rest[::2], rest[1::2]))
query, _ = options.pop("--query"), options.pop("--output")
values = {{"".join(word.title() for word in name[2:].split("-")): value
          for name, value in options.items()}}
for name, value in values.items():
    if value.startswith("file://"):
        values[name] = open(value[len("file://"):]).read()
client = boto3.client(service)
found = jmespath.search(query, getattr(client, operation.replace("-", "_"))(**values))
print(found[0] if isinstance(found, list) else found)
"""
GH = """
import json, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if "--jq" in sys.argv:
    print({{".id": 815, ".owner.id": 4711}}[sys.argv[-1]])
"""


def commands() -> list[str]:
    """The page's shell blocks, in their order; what `make setup` makes is there already."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/setup.md").read_text("utf-8"), re.DOTALL)
    return [block for block in blocks if block != "make setup\n"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with what a deploy takes, the two programs, and the files of the tokens."""
    folder = tmp_path / "checkout"
    for name in ("phaseline", "lambdas", "scripts", "infra"):
        shutil.copytree(ROOT / name, folder / name)
    environment = folder / ".venv"
    (environment / "bin").mkdir(parents=True)
    for name in ("lib", "pyvenv.cfg", "bin/python"):
        (environment / name).symlink_to(ROOT / ".venv" / name)
    add_program(environment, folder)
    (folder / "github-token").write_text("github")
    (folder / "slack-token").write_text("slack")
    for name, text in (("aws", AWS), ("gh", GH)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        source = program.with_suffix(".py")
        source.write_text(text.format(log=str(tmp_path / "gh.log")))
        # The first line of a script cannot name a program whose path has a blank.
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{source}" "$@"\n')
        program.chmod(0o755)
    for command in (
        ["init", "--quiet", "--bare", str(tmp_path / "origin.git")],
        ["init", "--quiet", str(folder)],
        ["-C", str(folder), "remote", "add", "origin", str(tmp_path / "origin.git")],
    ):
        subprocess.run(["git", *command], check=True)
    return folder


@pytest.fixture
def new_account(tmp_path: Path) -> Iterator[Emulator]:
    """An empty account of this test's own."""
    with start.running(tmp_path / "state") as system:
        yield Emulator(system.endpoint, system.folder / "git")


def test_commands_of_the_setup_page_succeed(
    new_account: Emulator, checkout: Path, tmp_path: Path
) -> None:
    """Its commands succeed, and what they leave is enough for the deploy job to deploy."""
    variables = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": new_account.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    # The emulator knows one region.
    script = "\n".join(commands()).replace("=eu-central-1", "=us-east-1")
    followed = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=checkout,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert followed.returncode == 0, followed.stderr
    told = [json.loads(line) for line in (tmp_path / "gh.log").read_text().splitlines()]
    given = {one[2]: one[6] for one in told if one[:2] == ["variable", "set"]}
    assert given.keys() >= {"DEPLOY_ROLE_ARN", "PROMOTE_ROLE_ARN", "DRIFT_ROLE_ARNS"}
    pushed = subprocess.run(
        ["git", "show", "main:infra/parameters/production.json"],
        cwd=tmp_path / "origin.git",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(pushed.stdout)["github"]["OwnerId"] == "4711"

    account = Account(new_account, {"DeployRole": given["DEPLOY_ROLE_ARN"]})
    account.tell_keys()
    rights = account.rights("DeployRole", sub=claims("DeployRole")["sub"])
    passed = f"--role-arn={given['CLOUDFORMATION_ROLE_ARN']}"
    deployed = subprocess.run(
        [sys.executable, "-m", "scripts", "deploy", "--environment", "production", passed],
        cwd=checkout,
        env={**os.environ, **variables, **rights, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert deployed.returncode == 0, deployed.stderr
    assert "phaseline-production-pipeline: created" in deployed.stdout


def test_every_variable_of_the_workflows_is_set() -> None:
    """What the workflows read is what the page sets."""
    page = "\n".join(commands())
    workflows = (ROOT / ".github").rglob("*.yml")
    read = {name for path in workflows for name in re.findall(r"vars\.([A-Z_]+)", path.read_text())}
    assert {name for name in read if f"variable {name} " not in page} == set()
