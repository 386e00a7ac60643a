"""verify-account in an account with a whole environment, and in one where something differs."""

import json
import subprocess
import sys
from typing import Any

from local.system import ENVIRONMENT, ROOT, System
from scripts.account.checks import CHECKS


def verify(system: System, *checks: str) -> tuple[int, dict[str, Any], str]:
    """Run some checks, or all: the exit code, the outcomes and the errors."""
    command = [sys.executable, "-m", "scripts", "verify-account", "--environment", ENVIRONMENT]
    options = [word for name in checks for word in ("--check", name)]
    ran = subprocess.run(
        [*command, "--json", *options],
        cwd=ROOT,
        env=system.environ,
        capture_output=True,
        text=True,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout), ran.stderr


def test_what_the_account_tells(system: System, algorithm: str) -> None:
    """Every check holds; only a push to the frontend need not have happened.

    Then the rights of a role, versions and a secret are gone, and each is told.
    """
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
