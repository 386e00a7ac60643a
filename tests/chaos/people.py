"""A person who promotes a version by hand, and runs the command again until it has succeeded."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

from local.system import ENVIRONMENT, ROOT, System
from tests.chaos.promotions import Promotion

RUNS = 30
"""The most times that a request is run."""
REFUSED = 7
"""The exit code of a refused request."""


def promote(system: System, endpoint: str, asked: Promotion, request: str) -> Counter[str]:
    """Promote a version through this address of AWS, and return the exit codes of the runs.

    Each is a run of the same `request`. Raises AssertionError if it is refused, or never succeeds.
    """
    codes: Counter[str] = Counter()
    for _ in range(RUNS):
        code, errors = _run(asked, system.environ | _job(endpoint, request))
        codes[f"promote: exit code {code}"] += 1
        if code == 0:
            return codes
        assert code != REFUSED, errors
    raise AssertionError(f"{asked} never succeeded: {codes}, {errors}")


def _job(endpoint: str, request: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": endpoint, "GITHUB_ACTOR": "ana", "GITHUB_RUN_ID": request}


def _run(asked: Promotion, environ: Mapping[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "scripts", "release", "--environment", ENVIRONMENT]
    command += ["--action", "promote", "--type", asked.type, "--algorithm", asked.algorithm]
    command += ["--version", asked.version, "--reason", "asked for"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    return done.returncode, done.stderr
