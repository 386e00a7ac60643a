"""Drift of real stacks: what somebody changes by hand is found, and nothing once it is set back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.waiting import PATIENCE
from phaseline.drift.deployed import Checkout, CheckResult, Clients, Deployed, checkout
from phaseline.drift.infrastructure import InfrastructureCheck
from scripts.deploy import templates
from scripts.deploy.plan import make_plan
from tests.emulator.conftest import ROOT, Emulator

ENVIRONMENT = "drift"
STACKS = ("registry", "site")
PROVISIONED = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}


@pytest.fixture(scope="module")
def deployed(emulator: Emulator) -> dict[str, str]:
    """The outputs of a registry and a site, deployed for this module."""
    keys = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "scripts", "deploy", "--environment", ENVIRONMENT, "--json"]
        + [f"--stack={name}" for name in STACKS],
        cwd=ROOT,
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": emulator.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    stacks = json.loads(done.stdout)["stacks"]
    return {**stacks["registry"]["outputs"], **stacks["site"]["outputs"]}


@pytest.fixture(scope="module")
def declared() -> Checkout:
    """What this checkout declares."""
    return checkout(make_plan(ENVIRONMENT, None, [], STACKS), templates.read)


@pytest.fixture
def look(
    emulator: Emulator, deployed: dict[str, str], declared: Checkout
) -> Callable[[str], CheckResult]:
    """What is found in a stack."""
    clients = Clients(
        emulator.client("cloudformation"),
        emulator.client("lambda"),
        emulator.client("codepipeline"),
        emulator.client,
    )

    def found(short: str) -> CheckResult:
        environment = Deployed(ENVIRONMENT, declared, clients, templates.read)
        return InfrastructureCheck(
            environment, clock=time.monotonic, sleep=time.sleep, selected=[short]
        ).run()

    return found


@pytest.mark.parametrize("stack", STACKS)
def test_new_deployment_has_no_findings(look: Callable[[str], CheckResult], stack: str) -> None:
    """Nothing is found, and everything could be looked at."""
    found = look(stack)
    assert (found.findings, found.failures) == ((), ())


def test_a_changed_table_is_drift(
    emulator: Emulator, deployed: dict[str, str], look: Callable[[str], CheckResult]
) -> None:
    """With the property and both values; none once it is set back."""
    dynamodb, table = emulator.client("dynamodb"), deployed["LedgerTableName"]
    indexes = dynamodb.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
    updates: list[Any] = [
        {"Update": {"IndexName": one["IndexName"], "ProvisionedThroughput": PROVISIONED}}
        for one in indexes
    ]
    dynamodb.update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=PROVISIONED,
        GlobalSecondaryIndexUpdates=updates,
    )
    [finding] = look("registry").findings
    assert (finding.kind, finding.file) == ("stack-drift", "infra/registry.yaml")
    assert "Ledger: /BillingMode: expected PAY_PER_REQUEST, found PROVISIONED" in finding.found
    dynamodb.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")
    assert look("registry").findings == ()


def test_a_changed_bucket_is_drift(
    emulator: Emulator, deployed: dict[str, str], look: Callable[[str], CheckResult]
) -> None:
    """Suspended versioning would lose what a rollback needs."""
    s3, bucket = emulator.client("s3"), deployed["MetadataBucketName"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    [finding] = look("site").findings
    assert finding.found.startswith("MetadataBucket: ")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert look("site").findings == ()


def test_missing_stack_is_found(look: Callable[[str], CheckResult]) -> None:
    """It is declared, so that it is missing."""
    assert [one.kind for one in look("pipeline").findings] == ["missing-stack"]
