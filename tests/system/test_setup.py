"""docs/setup.md is followed, command by command, on the local system.

`aws` and `gh` are small programs of this test: the first makes the same call through boto3, the
second knows numbers, and the token of the stand-in for GitHub. The push goes to a bare repository.
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

from local.standins import GITHUB_TOKEN
from local.system import AUTOMATION, System, start
from local.waiting import PATIENCE
from requirements.environments import add_program
from tests.builders.roles import claims
from tests.emulator.conftest import ROOT, Emulator
from tests.standins.conftest import call
from tests.system.account import Account

WORKFLOWS = sorted((ROOT / ".github").rglob("*.yml"))
AWS = """
import sys
import boto3, jmespath
service, operation, *rest = sys.argv[1:]
options = dict(zip(rest[::2], rest[1::2]))
query, _ = options.pop("--query"), options.pop("--output")
values = {"".join(word.title() for word in name[2:].split("-")): value
          for name, value in options.items()}
for name, value in values.items():
    if value.startswith("file://"):
        values[name] = open(value[len("file://"):]).read()
client = boto3.client(service)
found = jmespath.search(query, getattr(client, operation.replace("-", "_"))(**values))
print(found[0] if isinstance(found, list) else found)
"""
GH = f"""
import sys
if "--jq" in sys.argv:
    print({{".id": 815, ".owner.id": 4711}}[sys.argv[-1]])
if sys.argv[1:] == ["auth", "token"]:
    print({GITHUB_TOKEN!r})
"""


def commands() -> list[str]:
    """The page's shell blocks, in their order; what `make setup` makes is there already."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/setup.md").read_text("utf-8"), re.DOTALL)
    return [block for block in blocks if block != "make setup\n"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with what a deploy takes, the two programs, and the files of the tokens."""
    folder = tmp_path / "checkout"
    for name in ("phaseline", "lambdas", "scripts", "infra", ".github"):
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
        source.write_text(text)
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
def new_account(tmp_path: Path) -> Iterator[System]:
    """An empty account, and GitHub with its repositories, of this test's own."""
    with start.running(tmp_path / "state") as system:
        yield system


def test_commands_of_the_setup_page_succeed(
    new_account: System, checkout: Path, tmp_path: Path
) -> None:
    """Its commands succeed, and what they leave is enough for the deploy job to deploy."""
    variables = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": new_account.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "GITHUB_API_URL": new_account.github_url,
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    # The emulator knows one region.
    script = "\n".join(commands()).replace("=eu-central-1", "=us-east-1")
    script = script.replace("=acme/platform ", "=octocat ")  # who has access to the repository
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
    given = variables_of(new_account, "environments/production/variables")
    shared = variables_of(new_account, "actions/variables")
    assert json.loads(shared["ENVIRONMENTS"]) == ["production"]
    read = {name for path in WORKFLOWS for name in re.findall(r"vars\.([A-Z_]+)", path.read_text())}
    assert read == given.keys() | shared.keys()
    owners = pushed(tmp_path, ".github/CODEOWNERS")
    assert "@octocat" in owners
    assert "@acme" not in re.sub(r"#.*", "", owners)
    parameters = json.loads(pushed(tmp_path, "infra/parameters/production.json"))
    assert parameters["github"]["OwnerId"] == "4711"

    account = Account(
        Emulator(new_account.endpoint, new_account.folder / "git"),
        {"DeployRole": given["DEPLOY_ROLE_ARN"]},
    )
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


def variables_of(system: System, place: str) -> dict[str, str]:
    """The variables that GitHub has at a place in the repository."""
    headers = {"Authorization": f"token {GITHUB_TOKEN}", "User-Agent": "test"}
    found = call(f"{system.github_url}/repos/{AUTOMATION}/{place}", headers=headers).json()
    return {one["name"]: one["value"] for one in found["variables"]}


def pushed(folder: Path, path: str) -> str:
    """A file of the pushed commit."""
    command = ["git", "show", f"main:{path}"]
    ended = subprocess.run(
        command, cwd=folder / "origin.git", capture_output=True, text=True, check=True
    )
    return ended.stdout
