"""All stand-ins together: as a library, and as the program that the local system may start."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import urllib3

from local import standins
from local.waiting import PATIENCE
from tests.standins.conftest import call
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:1"


def check(addresses: dict[str, str]) -> None:
    """Each address answers as its service does."""
    dispatch = call(
        f"{addresses['github']}/repos/acme/automation/dispatches",
        method="POST",
        body={"event_type": "version-tested"},
        headers={"Authorization": f"Bearer {standins.GITHUB_TOKEN}", "User-Agent": "test"},
    )
    post = call(
        f"{addresses['slack']}chat.postMessage",
        method="POST",
        body={"channel": "#releases", "text": "hello"},
        headers={"Authorization": f"Bearer {standins.SLACK_TOKEN}"},
    )
    assert dispatch.status == 204
    assert post.json()["ok"]
    assert call(f"{addresses['edge']}/").status == 502


def test_stand_ins_start_and_stop() -> None:
    """All three serve until they are stopped, on addresses that are then free."""
    cloudfront = boto3.client("cloudfront", endpoint_url=NOBODY)
    running = standins.start(cloudfront=cloudfront, endpoint=NOBODY)
    addresses = running.addresses()
    check(addresses)

    running.stop()
    for url in addresses.values():
        with pytest.raises(urllib3.exceptions.NewConnectionError):
            call(url)


def test_program_writes_its_addresses_and_ends_on_sigterm(tmp_path: Path) -> None:
    """The ports file appears once all answer; SIGTERM ends the program with 0."""
    ports = tmp_path / "ports.json"
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "local.standins"),
            *("--endpoint", NOBODY, "--ports-file", str(ports)),
        ],
        cwd=ROOT,
    )
    try:
        eventually(lambda: ports.exists() or program.poll() is not None)
        check(json.loads(ports.read_text(encoding="utf-8")))
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=PATIENCE) == 0
    finally:
        program.kill()
        program.wait()
