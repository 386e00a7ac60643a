"""The roles of infra/github-oidc.yaml, assumed by tokens as jobs on GitHub do, and put to use."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from local import system as local_system
from local.waiting import PATIENCE
from tests.emulator.conftest import ROOT, Emulator
from tests.unit.github.test_trust import IMMUTABLE, claims

ENVIRONMENT = "roles"
SUBJECT = f"{IMMUTABLE}:environment:{ENVIRONMENT}"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"
PARAMETERS = {
    "Repository": "acme/automation",
    "OwnerId": "4711",
    "RepositoryId": "815",
    "SlackTokenArn": SECRET,
}
ADMINISTRATOR = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class Account:
    """The emulator with the stack of the roles, and GitHub's keys."""

    emulator: Emulator
    roles: dict[str, str] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    def run(self, rights: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
        """One of the commands, with these rights."""
        addresses = {"AWS_ENDPOINT_URL": self.emulator.url, "AWS_DEFAULT_REGION": "us-east-1"}
        return subprocess.run(
            [sys.executable, "-m", "scripts", *command, "--environment", ENVIRONMENT],
            cwd=ROOT,
            env={**os.environ, **rights, **addresses},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def token(self, said: dict[str, str]) -> str:
        """A token of GitHub's with these claims."""
        times = {"iat": 1_700_000_000, "exp": 4_000_000_000}
        return jwt.encode({**said, **times}, self.key, algorithm="RS256", headers={"kid": "key"})

    def tell_keys(self) -> None:
        """Let the emulator check such tokens, as AWS does by GitHub's published keys."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        told = {
            "issuer": "https://token.actions.githubusercontent.com",
            "keys": [{**public, "kid": "key", "alg": "RS256"}],
        }
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.emulator.url}/_phaseline/oidc",
            json.dumps(told).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310 - loopback

    def rights(self, role: str, **changes: str) -> dict[str, str]:
        """What a job with these claims gets: the credentials of the role, as variables."""
        said = claims(role, **changes)
        found: Any = self.emulator.client("sts").assume_role_with_web_identity(
            RoleArn=self.roles[role], RoleSessionName="job", WebIdentityToken=self.token(said)
        )
        credentials = found["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The roles, deployed by an administrator, and what the deploy role has deployed, in an
    account of these tests' own."""
    with local_system.running(Path(tmp_path_factory.mktemp("roles")) / "state") as system:
        account = Account(Emulator(system.endpoint, system.folder / "git"))
        _prepare(account)
        yield account


def _prepare(account: Account) -> None:
    values = [f"--parameter={name}={value}" for name, value in PARAMETERS.items()]
    stacks = ["--stack", "cloudformation", "--stack", "github"]
    done = account.run(ADMINISTRATOR, "deploy", *stacks, "--json", *values)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["stacks"]
    outputs = made["cloudformation"]["outputs"] | made["github"]["outputs"]
    account.roles = {name.removesuffix("Arn"): value for name, value in outputs.items()}
    account.tell_keys()
    done = deployed(account, "registry", "site")
    assert done.returncode == 0, done.stderr


def deployed(account: Account, *stacks: str) -> "subprocess.CompletedProcess[str]":
    """A deploy, as the workflow does it."""
    selected = [f"--stack={name}" for name in stacks]
    passed = f"--role-arn={account.roles['CloudFormationRole']}"
    return account.run(account.rights("DeployRole", sub=SUBJECT), "deploy", passed, *selected)


def test_the_deploy_role_deploys(account: Account) -> None:
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


def test_the_preview_role_looks_and_does_not_deploy(account: Account) -> None:
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


def test_stacks_that_are_not_there_hide_nothing(account: Account) -> None:
    """What is missing is found, and that the releases could not be looked at without is told."""
    looked = account.run(account.rights("DriftRole", sub=SUBJECT), "drift")
    assert looked.returncode == 5, looked.stderr
    for short in ("listener", "publish", "slack", "watch", "pipeline"):
        assert (
            f"The stack phaseline-{ENVIRONMENT}-{short} is declared and does not" in looked.stdout
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
