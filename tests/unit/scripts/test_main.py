"""Wrong options, failed commands and the list of commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from phaseline.errors import ConfigurationError
from scripts.__main__ import main

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["deploy"], "--environment"),
        (["deploy", "--environment", "Demo"], "lower-case letters"),
        (["deploy", "--environment", "demo", "--parameter", "X"], "expected Name=Value"),
        (["deploy", "--environment", "demo", "--stack", "sites"], "sites"),
        (["deploy", "--environment", "demo", "--role-arn", "x"], "expected the ARN of a role"),
        (["deplo"], "No such command"),
    ],
)
def test_wrong_usage_exits_with_code_2(arguments: list[str], found: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert found in result.output


def test_missing_parameters_file_is_refused_if_named() -> None:
    """The environment's default file may be missing."""
    result = CliRunner().invoke(
        main, ["deploy", "--environment", "demo", "--parameters", "absent.json"]
    )
    assert isinstance(result.exception, ConfigurationError)


def test_failed_command_exits_with_the_code_of_its_error(tmp_path: Path) -> None:
    """One line on stderr, the same as JSON on stdout, no traceback."""
    (tmp_path / "wrong.json").write_text("[]")
    command = [sys.executable, "-m", "scripts", "deploy", "--environment", "demo"]
    command += ["--json", "--parameters", str(tmp_path / "wrong.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 3
    assert re.fullmatch(r"error: .*wrong\.json: expected a JSON object.*\n", ended.stderr)
    error = json.loads(ended.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("ConfigurationError", 3)
    assert ended.stderr == f"error: {error['message']}\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "has_json"),
    [
        (["deplo", "--json"], {}, True),
        (["deploy", "--json"], {"PHASELINE_ENVIRONMENT": "Demo"}, True),
        (["deploy"], {"PHASELINE_JSON": "true", "PHASELINE_ENVIRONMENT": "Demo"}, True),
        (["deploy"], {"PHASELINE_JSON": "0", "PHASELINE_ENVIRONMENT": "Demo"}, False),
        (["deplo"], {}, False),
    ],
)
def test_error_is_json_if_the_result_is(
    arguments: list[str], variables: dict[str, str], has_json: bool
) -> None:
    """Also if the command was not understood."""
    command = [sys.executable, "-m", "scripts", *arguments]
    environ = os.environ | variables
    ended = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert (json.loads(ended.stdout)["error"]["exit_code"] == 2) if has_json else not ended.stdout


def test_list_of_commands_shows_their_first_lines() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "deploy" in result.output
    assert "console" not in result.output
