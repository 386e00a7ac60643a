"""The shell of the demo has the programs and variables of a person's terminal."""

import os
import sys
from pathlib import Path

import pytest

from local.demo import shell
from local.system import System

PROGRAMS = str(Path(sys.executable).parent)
"""Where make puts the program `phaseline`."""


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system whose folder has a blank and an apostrophe in its name."""
    url = "http://127.0.0.1:9"
    return System(tmp_path / "ana's system", url, url, url, url)


def test_command_runs_with_the_programs_of_the_system(
    system: System, capfd: pytest.CaptureFixture[str]
) -> None:
    programs = "command -v gh && command -v aws && gh --help"
    assert shell.run(system, ["sh", "-c", programs]) == 0
    told = capfd.readouterr().out
    assert shell.environ(system, system.folder)["PATH"].split(os.pathsep)[1] == PROGRAMS
    assert f"{system.folder}/bin/gh\n{system.folder}/bin/aws\n" in told
    assert "GitHub from a terminal." in told


def test_exit_code_of_the_command_is_returned(system: System) -> None:
    assert shell.run(system, ["sh", "-c", "exit 7"]) == 7


def test_variables_of_a_job_are_not_inherited(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_ACTIONS", "CI", "PHASELINE_JSON"):
        monkeypatch.setenv(name, "true")
    found = shell.environ(system, system.folder)
    assert not {"GITHUB_ACTIONS", "CI", "PHASELINE_JSON"} & found.keys()
    assert found["AWS_ENDPOINT_URL"] == system.endpoint
    assert found["GITHUB_API_URL"] == system.github_url


def test_missing_aws_cli_is_told_with_the_command_that_installs_it(
    system: System, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shell, "AWS", system.folder / "no such program")
    assert shell.run(system, ["aws", "s3", "ls"]) == 1
    assert "make .phaseline/awscli/ready" in capfd.readouterr().err
