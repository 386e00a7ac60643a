"""One invocation of a command: its time, its ID, who runs it, and the workflow run around it."""

import os
import uuid
from datetime import UTC, datetime

from phaseline import times
from scripts.cli import aws


def now() -> str:
    """Return the present time in UTC (ISO 8601, whole seconds)."""
    return times.second(datetime.now(UTC))


def who() -> str:
    """Return who runs the command: the actor of the workflow run, or else the ARN of the caller."""
    return os.environ.get("GITHUB_ACTOR") or str(aws.client("sts").get_caller_identity()["Arn"])


def invocation_id() -> str:
    """Return an ID of this invocation. A job that GitHub Actions runs again has the same ID."""
    return os.environ.get("GITHUB_RUN_ID") or str(uuid.uuid4())


def run_url() -> str | None:
    """Return the page of the workflow run, or None outside GitHub Actions."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = map(os.environ.get, names)
    if not (server and repository and run):
        return None
    return f"{server}/{repository}/actions/runs/{run}"
