"""docs/setup.md is followed, command by command, on the local system.

`gh` is a small program of this test, which knows the token of the stand-in for GitHub. The push
goes to a bare repository.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.standins import GITHUB_TOKEN
from local.system import AUTOMATION, System, start
from local.waiting import PATIENCE
from requirements.environments import add_program
from tests.emulator.conftest import ROOT, Emulator
from tests.standins.conftest import call
from tests.system.account import Account

WORKFLOWS = sorted((ROOT / ".github").rglob("*.yml"))
GH = f"""
import sys
if sys.argv[1:] == ["auth", "token"]:
    print({GITHUB_TOKEN!r})
"""


def numbered(trusted: dict[str, str]) -> dict[str, str]:
    """The claims of a deploy job with the numbers that the parameters file has."""
    owner, repository = trusted["OwnerId"], trusted["RepositoryId"]
    return {
        "sub": f"repo:acme@{owner}/automation@{repository}:environment:production",
        "repository_id": repository,
        "repository_owner_id": owner,
    }


def commands() -> list[str]:
    """The page's shell blocks, in their order; what `make setup` makes is there already."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/setup.md").read_text("utf-8"), re.DOTALL)
    return [block for block in blocks if block != "make setup\n"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with what a deploy takes, and the program `gh`."""
    folder = tmp_path / "checkout"
    for name in ("phaseline", "lambdas", "scripts", "infra", ".github"):
        shutil.copytree(ROOT / name, folder / name)
    environment = folder / ".venv"
    (environment / "bin").mkdir(parents=True)
    for name in ("lib", "pyvenv.cfg", "bin/python"):
        (environment / name).symlink_to(ROOT / ".venv" / name)
    add_program(environment, folder)
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir(exist_ok=True)
    source = program.with_suffix(".py")
    source.write_text(GH)
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
        "PHASELINE_DISPATCH_TOKEN": "github-secret",
        "PHASELINE_SLACK_TOKEN": "slack-secret",
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
    assert parameters["github"].keys() == {"Repository", "OwnerId", "RepositoryId"}
    manager = new_account.client("secretsmanager")
    for name, token in (("GithubTokenArn", "github-secret"), ("SlackTokenArn", "slack-secret")):
        arn = parameters["common"][name]
        assert manager.get_secret_value(SecretId=arn)["SecretString"] == token
        assert token not in followed.stdout + followed.stderr

    again = init(checkout, variables, "production")
    assert (again["secrets"], again["parameters"], again["settings"]) == ([], [], [])
    existing(new_account)
    foreseen = init(checkout, variables, "staging", "--table", "known", "--phase", "3", "--dry-run")
    assert "listener.PhaseAttribute = state" in foreseen["parameters"]
    assert "listener.AlgorithmAttribute = name" in foreseen["parameters"]
    assert not (checkout / "infra/parameters/staging.json").exists()
    assert len(manager.list_secrets()["SecretList"]) == 2

    account = Account(
        Emulator(new_account.endpoint, new_account.folder / "git"),
        {"DeployRole": given["DEPLOY_ROLE_ARN"]},
    )
    account.tell_keys()
    rights = account.rights("DeployRole", **numbered(parameters["github"]))
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


def init(
    checkout: Path, variables: dict[str, str], environment: str, *options: str
) -> dict[str, Any]:
    """What a further run of init tells."""
    given = {
        "environment": environment,
        "repository": AUTOMATION,
        "frontend": "acme/storefront",
        "slack-channel": "C0123456789",
        "reviewer": "octocat",
    }
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    program = str(checkout / ".venv/bin/phaseline")
    done = subprocess.run(
        [program, "init", *words, "--json", *options],
        cwd=checkout,
        env={**os.environ, **variables, "AWS_DEFAULT_REGION": "us-east-1"}
        | {"GITHUB_TOKEN": GITHUB_TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def existing(system: System) -> None:
    """Make a table with other names, and a number for a phase."""
    client = system.client("dynamodb")
    client.create_table(
        TableName="known",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    item = {"name": {"S": "a"}, "kind": {"S": "opt"}, "state": {"N": "3"}}
    client.put_item(TableName="known", Item=item)


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
