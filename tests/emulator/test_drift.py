"""`python -m scripts drift` on real stacks: what somebody changes by hand is found."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.conftest import ROOT, Emulator

ENVIRONMENT = "drift"


def run(emulator: Emulator, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """One of the commands, with an administrator's rights."""
    keys = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return subprocess.run(
        [sys.executable, "-m", "scripts", *command, "--environment", ENVIRONMENT],
        cwd=ROOT,
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": emulator.url, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def deployed(emulator: Emulator) -> dict[str, str]:
    """The outputs of a registry and a site, deployed for this module."""
    done = run(emulator, "deploy", "--stack", "registry", "--stack", "site", "--json")
    assert done.returncode == 0, done.stderr
    stacks = json.loads(done.stdout)["stacks"]
    return {**stacks["registry"]["outputs"], **stacks["site"]["outputs"]}


def looked_at(emulator: Emulator, stack: str, **more: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is known of the stack."""
    ended = run(emulator, "drift", "--stack", stack, "--json", **more)
    found = json.loads(ended.stdout)["stacks"][f"phaseline-{ENVIRONMENT}-{stack}"]
    return ended.returncode, found


@pytest.mark.parametrize("stack", ["registry", "site"])
def test_what_was_just_deployed_has_not_drifted(
    emulator: Emulator, deployed: dict[str, str], stack: str
) -> None:
    """Exit code 0."""
    code, found = looked_at(emulator, stack)
    assert (code, found["verdict"]) == (0, "in sync")
    assert found["in_sync"] >= 2


def test_a_changed_table_is_drift(
    emulator: Emulator, deployed: dict[str, str], tmp_path: Path
) -> None:
    """Exit code 5, with the property and both values, in the job's summary too; none once it is
    set back."""
    dynamodb = emulator.client("dynamodb")
    table, summary = deployed["LedgerTableName"], tmp_path / "summary.md"
    provisioned = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    index = {"IndexName": "open", "ProvisionedThroughput": provisioned}
    dynamodb.update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=provisioned,
        GlobalSecondaryIndexUpdates=[{"Update": index}],
    )
    code, found = looked_at(emulator, "registry", GITHUB_STEP_SUMMARY=str(summary))
    assert code == 5
    [drifted] = found["drifted"]
    assert drifted["resource"] == "Ledger"
    billing = {one["path"]: one for one in drifted["differences"]}["/BillingMode"]
    assert (billing["expected"], billing["actual"]) == ("PAY_PER_REQUEST", "PROVISIONED")
    assert "PROVISIONED" in summary.read_text()
    dynamodb.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")
    assert looked_at(emulator, "registry")[0] == 0


def test_a_changed_bucket_is_drift(emulator: Emulator, deployed: dict[str, str]) -> None:
    """Suspended versioning would lose what a rollback needs."""
    s3, bucket = emulator.client("s3"), deployed["MetadataBucketName"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    code, found = looked_at(emulator, "site")
    assert code == 5
    assert [one["resource"] for one in found["drifted"]] == ["MetadataBucket"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def test_a_stack_that_is_not_there_could_not_be_checked(
    emulator: Emulator, deployed: dict[str, str]
) -> None:
    """Exit code 1, which is neither drift nor none."""
    code, found = looked_at(emulator, "pipeline")
    assert (code, found["verdict"]) == (1, "not checked")
    assert "does not exist" in found["failure"]
