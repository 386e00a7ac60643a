"""A shell for a running system, in which docs/operations.md can be rehearsed line by line.

`phaseline` and `aws` call the local AWS there, and `gh` the local GitHub.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import standins
from local.system import AUTOMATION, ENVIRONMENT, ROOT, System

AWS = ROOT / ".phaseline/awscli/bin/aws"
GREETING = f"""\
This shell uses the local system:
  phaseline   Phaseline's commands, for the environment {ENVIRONMENT}
  gh          `gh workflow run` and `gh api`, at the local GitHub
  aws         any command of the AWS CLI, at the local AWS
docs/operations.md describes what to do in which situation. `exit` ends the shell."""
NO_AWS = "The AWS CLI is not installed. Run `make .phaseline/awscli/ready` first."
OF_JOBS = ("GITHUB_", "PHASELINE_", "CI")
"""Variables that a workflow's job has, and a person's terminal has not."""


def environ(system: System, folder: Path) -> Mapping[str, str]:
    """Return the variables of the shell. The programs that it adds are written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    _write(folder / "gh", f'{python} -m local.github.gh "$@"')
    aws = (
        f'exec {shlex.quote(str(AWS))} "$@"'
        if AWS.exists()
        else f"echo {shlex.quote(NO_AWS)} >&2; exit 1"
    )
    _write(folder / "aws", aws)
    inherited = {
        name: value for name, value in system.environ.items() if not name.startswith(OF_JOBS)
    }
    path = (str(folder), str(Path(sys.executable).parent), os.environ["PATH"])
    return inherited | {
        "PATH": os.pathsep.join(path),
        "GH_REPO": AUTOMATION,
        "GH_TOKEN": standins.GITHUB_TOKEN,
        "GITHUB_API_URL": system.github_url,
        "PHASELINE_ENVIRONMENT": ENVIRONMENT,
    }


def run(system: System, command: Sequence[str]) -> int:
    """Run a command, or an interactive shell without one, in the checkout. Return its exit code."""
    shell = [os.environ.get("SHELL", "/bin/sh")]
    variables = environ(system, system.folder / "bin")
    return subprocess.run([*command] or shell, cwd=ROOT, env=variables, check=False).returncode


def _write(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
