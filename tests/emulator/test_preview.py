"""`python -m scripts preview` on real stacks: what it shows, and that it leaves nothing."""

import json
import os
import subprocess
import sys

import pytest
from pytest_httpserver import HTTPServer

from local.waiting import PATIENCE
from phaseline.deploy.plan import STACKS
from tests.builders.github_comments import NUMBER, Comments
from tests.emulator.conftest import ROOT, Emulator

ENVIRONMENT = "look"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"
PARAMETERS = {
    "GithubRepository": "acme/automation",
    "GithubTokenArn": SECRET,
    "SlackChannel": "C0123456789",
    "SlackTokenArn": SECRET,
    "FrontendRepository": "acme/site",
}


def run(emulator: Emulator, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """One of the commands, with an administrator's rights."""
    keys = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return subprocess.run(
        [sys.executable, "-m", "scripts", *command, "--environment", ENVIRONMENT, "--json"],
        cwd=ROOT,
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": emulator.url, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def previewed(
    emulator: Emulator, comments: Comments, **changes: str
) -> "subprocess.CompletedProcess[str]":
    """A preview on the pull request."""
    values = [f"--parameter={name}={value}" for name, value in (PARAMETERS | changes).items()]
    number = f"--pull-request={NUMBER}"
    return run(emulator, "preview", number, *values, **comments.environ)


@pytest.fixture
def comments(httpserver: HTTPServer) -> Comments:
    """The pull request, without comments."""
    return Comments(httpserver)


def test_each_stack_has_a_comment_that_is_updated(emulator: Emulator, comments: Comments) -> None:
    """Of a new environment, and again after a part of it is deployed; no stack is left behind."""
    first = previewed(emulator, comments)
    assert first.returncode == 0, first.stderr
    stacks = [f"phaseline-{ENVIRONMENT}-{name}" for name in STACKS]
    assert json.loads(first.stdout)["comments"] == dict.fromkeys(stacks, "created")
    by_stack = {
        name: [one for one in comments.bodies.values() if f"`{name}`" in one] for name in stacks
    }
    assert all(len(found) == 1 for found in by_stack.values())
    [registry] = by_stack[f"phaseline-{ENVIRONMENT}-registry"]
    [listener] = by_stack[f"phaseline-{ENVIRONMENT}-listener"]
    assert "| Add | Ledger | AWS::DynamoDB::Table |" in registry
    assert "its changes are known after the deploy of" in listener
    left = emulator.client("cloudformation").describe_stacks()["Stacks"]
    assert not [one for one in left if ENVIRONMENT in one["StackName"]]

    assert run(emulator, "deploy", "--stack", "registry").returncode == 0
    second = previewed(emulator, comments)
    assert second.returncode == 0, second.stderr
    done = json.loads(second.stdout)["comments"]
    assert done == dict.fromkeys(stacks, "unchanged") | {
        f"phaseline-{ENVIRONMENT}-{name}": "updated"
        for name in ("registry", "listener", "publish", "slack", "watch")
    }
    assert f"### `phaseline-{ENVIRONMENT}-registry`: No changes" in "\n".join(
        comments.bodies.values()
    )
    assert len(comments.bodies) == len(stacks)


def test_a_stack_that_has_no_preview_does_not_hide_the_others(
    emulator: Emulator, comments: Comments
) -> None:
    """Its comment holds CloudFormation's reason, and the command fails with it."""
    done = previewed(emulator, comments, Alias="www.example.org")
    assert done.returncode != 0
    found = "\n".join(comments.bodies.values())
    assert f"`phaseline-{ENVIRONMENT}-site`: no preview" in found
    assert "CertificateArn" in found
    assert f"`phaseline-{ENVIRONMENT}-registry`" in found
    assert "CertificateArn" in done.stderr
