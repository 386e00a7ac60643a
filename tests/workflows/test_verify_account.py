"""verify-account in an account with a whole environment, and in one where something differs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.standins import GITHUB_TOKEN
from local.system import AUTOMATION, ENVIRONMENT, ROOT, System
from scripts.account.checks import CHECKS
from tests.standins.conftest import call


def verify(system: System, *checks: str, **environ: str) -> tuple[int, dict[str, Any], str]:
    """Run some checks, or all: the exit code, the outcomes and the errors."""
    command = [sys.executable, "-m", "scripts", "verify-account", "--environment", ENVIRONMENT]
    options = [word for name in checks for word in ("--check", name)]
    ran = subprocess.run(
        [*command, "--json", *options],
        cwd=ROOT,
        env=system.environ | github(system) | environ,
        capture_output=True,
        text=True,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout), ran.stderr


def github(system: System) -> dict[str, str]:
    """The variables with which the commands reach GitHub."""
    return {
        "GITHUB_API_URL": system.github_url,
        "GITHUB_REPOSITORY": AUTOMATION,
        "GITHUB_TOKEN": GITHUB_TOKEN,
    }


@contextmanager
def set_up(system: System) -> Iterator[None]:
    """Let a team review the environment's deployments. Afterwards, it has no rules again."""
    command = [sys.executable, "-m", "scripts", "github-setup", "--environment", ENVIRONMENT]
    environ = system.environ | github(system)
    subprocess.run([*command, "--reviewer", "acme/platform"], cwd=ROOT, env=environ, check=True)
    try:
        yield
    finally:
        place = f"{system.github_url}/repos/{AUTOMATION}/environments/{ENVIRONMENT}"
        headers = {"Authorization": f"token {GITHUB_TOKEN}", "User-Agent": "test"}
        assert call(place, method="PUT", body={}, headers=headers).status == 200


def test_what_the_account_tells(system: System, algorithm: str) -> None:
    """Every check holds; only a push to the frontend need not have happened.

    Then the rights of a role, versions and a secret are gone, and each is told.
    """
    with set_up(system):
        code, outcomes, err = verify(system)
    unknown = outcomes.pop("push")
    assert [name for name, one in outcomes.items() if one["status"] != "holds"] == [], err
    assert outcomes.keys() == CHECKS.keys() - {"push"}
    assert code == (0 if unknown["status"] == "holds" else 1)
    assert "8 permissions match" in outcomes["permissions"]["found"]

    s3, iam = system.client("s3"), system.client("iam")
    bucket = system.outputs["site"]["MetadataBucketName"]
    role = system.outputs["github"]["DeployRoleArn"].rpartition("/")[2]
    (attached,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=attached)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=attached)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    try:
        code, outcomes, err = verify(system, "permissions", "documents-bucket", "stacks")
    finally:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        iam.put_role_policy(RoleName=role, PolicyName=attached, PolicyDocument=json.dumps(policy))
    assert code == 3
    assert "it differs from what Phaseline assumes in: permissions, documents-bucket." in err
    assert outcomes["documents-bucket"]["found"] == "it keeps no versions"
    assert "s3:PutObject" in outcomes["permissions"]["found"]
    assert outcomes["stacks"]["status"] == "holds"


def test_reviews_that_are_not_required_differ(system: System) -> None:
    """Also the environment of the other tests, which a job has created without rules."""
    code, outcomes, err = verify(system, "github-environment", "code-owners")
    assert code == 3
    assert outcomes["github-environment"]["found"] == "no reviewer is required"
    assert outcomes["code-owners"]["status"] == "holds", err


def test_checks_of_github_are_unknown_without_a_token(system: System) -> None:
    code, outcomes, _ = verify(system, "github-branch", "stacks", GITHUB_TOKEN="")
    assert code == 1
    assert (outcomes["github-branch"]["status"], outcomes["stacks"]["status"]) == (
        "unknown",
        "holds",
    )
    assert "GITHUB_TOKEN is not set" in outcomes["github-branch"]["found"]
