"""The roles of the workflows, assumed by tokens as jobs on GitHub do, and put to use."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.system import start
from phaseline.deploy.plan import ROLES
from tests.builders.roles import IMMUTABLE
from tests.emulator.conftest import Emulator
from tests.system.account import ENVIRONMENT, PARAMETERS, Account

SUBJECT = f"{IMMUTABLE}:environment:{ENVIRONMENT}"
ADMINISTRATOR = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The roles, deployed by an administrator, and what the deploy role has deployed, in an
    account of these tests' own."""
    with start.running(Path(tmp_path_factory.mktemp("roles")) / "state") as system:
        account = Account(Emulator(system.endpoint, system.folder / "git"))
        _prepare(account)
        yield account


def _prepare(account: Account) -> None:
    values = [f"--parameter={name}={value}" for name, value in PARAMETERS.items()]
    stacks = [f"--stack={name}" for name in ROLES]
    done = account.run(ADMINISTRATOR, "deploy", *stacks, "--json", *values)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["stacks"]
    outputs = {key: arn for name in ROLES for key, arn in made[name]["outputs"].items()}
    account.roles = {name.removesuffix("Arn"): value for name, value in outputs.items()}
    account.tell_keys()
    done = deployed(account, "registry", "site")
    assert done.returncode == 0, done.stderr


def deployed(account: Account, *stacks: str) -> "subprocess.CompletedProcess[str]":
    """A deploy, as the workflow does it."""
    selected = [f"--stack={name}" for name in stacks]
    passed = f"--role-arn={account.roles['CloudFormationRole']}"
    return account.run(account.rights("DeployRole", sub=SUBJECT), "deploy", passed, *selected)


def test_deploy_role_deploys(account: Account) -> None:
    """What the fixture did, again: there is nothing to change."""
    done = deployed(account, "registry", "site")
    assert done.returncode == 0, done.stderr
    assert f"phaseline-{ENVIRONMENT}-site: no changes" in done.stdout


def test_the_deploy_role_passes_its_role_or_deploys_nothing(account: Account) -> None:
    """Without CloudFormation's role there is no change set."""
    rights = account.rights("DeployRole", sub=SUBJECT)
    done = account.run(rights, "deploy", "--stack", "registry")
    assert done.returncode == 1
    assert "CreateChangeSet: AccessDenied" in done.stderr


def test_the_deploy_role_does_not_widen_itself(account: Account) -> None:
    """The stack of the roles is not its to change."""
    values = [f"--parameter={name}={value}" for name, value in PARAMETERS.items()]
    rights = account.rights("DeployRole", sub=SUBJECT)
    passed = f"--role-arn={account.roles['CloudFormationRole']}"
    done = account.run(rights, "deploy", "--stack=github", passed, *values)
    assert done.returncode == 1
    assert "AccessDenied" in done.stderr


def test_preview_role_previews_and_does_not_deploy(account: Account) -> None:
    """A pull request's dry run; a deploy with the same rights is refused."""
    rights = account.rights("PreviewRole")
    looked = account.run(rights, "deploy", "--stack=registry", "--dry-run")
    assert looked.returncode == 0, looked.stderr
    done = account.run(rights, "deploy", "--stack=registry")
    assert done.returncode == 1
    assert "CreateChangeSet: AccessDenied" in done.stderr


def test_the_drift_role_finds_drift_and_deploys_nothing(account: Account) -> None:
    """It reads, and that is all."""
    rights = account.rights("DriftRole", sub=SUBJECT)
    looked = account.run(rights, "drift", "--stack=registry", "--stack=site")
    assert looked.returncode == 0, looked.stderr
    assert account.run(rights, "deploy", "--stack=registry", "--dry-run").returncode == 1


def test_missing_stacks_hide_no_finding(account: Account) -> None:
    """What is missing is found, and that the releases could not be looked at without is told."""
    looked = account.run(account.rights("DriftRole", sub=SUBJECT), "drift")
    assert looked.returncode == 5, looked.stderr
    for short in ("listener", "publish", "slack", "watch", "pipeline"):
        assert (
            f"The stack phaseline-{ENVIRONMENT}-{short} is declared but does not" in looked.stdout
        )
    assert f"not checked:\n  releases: stack phaseline-{ENVIRONMENT}-listener" in looked.stdout


def test_the_promote_role_deploys_nothing(account: Account) -> None:
    """Not even a look at a change set."""
    rights = account.rights("PromoteRole", sub=SUBJECT)
    assert account.run(rights, "deploy", "--stack=registry", "--dry-run").returncode == 1


@pytest.mark.parametrize(
    "role", ["DeployRole", "PromoteRole", "DriftRole", "RepairRole", "PreviewRole"]
)
@pytest.mark.parametrize(
    "changes",
    [
        {"sub": f"repo:acme/automation:environment:{ENVIRONMENT}"},
        {"sub": f"repo:eve@666/automation@816:environment:{ENVIRONMENT}", "repository_id": "816"},
        {"sub": f"{IMMUTABLE}:environment:production"},
        {"job_workflow_ref": "acme/automation/.github/workflows/other.yml@refs/heads/main"},
        {"aud": "https://github.com/acme"},
    ],
    ids=["old-subject", "fork", "environment", "workflow", "audience"],
)
def test_others_get_no_credentials(account: Account, role: str, changes: dict[str, str]) -> None:
    """As the evaluator of the unit tests says of the same claims."""
    said = {"sub": SUBJECT, **changes} if role != "PreviewRole" else changes
    with pytest.raises(ClientError, match=r"AccessDenied|InvalidIdentityToken"):
        account.rights(role, **said)
