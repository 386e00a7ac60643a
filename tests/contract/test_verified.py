"""docs/verified.md: each row has a test that exists, and a command that its program has."""

import re
import shlex
from pathlib import Path

import botocore.session
import click
import pytest
from botocore import xform_name

from local.workflows.files import dispatch_inputs, parse
from scripts.__main__ import main
from scripts.account.checks import CHECKS
from tests.contract.named import TEST, missing
from tests.contract.shown import inputs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/verified.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| Assumption"))
]
COMMANDS = sorted({command for row in ROWS for command in re.findall("`([^`]+)`", row[3])})
READ = {
    "repos/{}/{}/actions/oidc/customization/sub",
    "repos/{}/{}/actions/permissions/access",
    "repos/{}/{}/actions/permissions/workflow",
    "repos/{}/{}/code-scanning/alerts",
}
"""Operations GET of GitHub's API. https://docs.github.com/en/rest"""
GH = {
    ("run", "list"): {"--workflow", "--status"},
    ("run", "view"): {"--log", "--job"},
    ("workflow", "list"): set(),
    ("attestation", "verify"): {"--repo", "--signer-workflow"},
}
"""Commands of gh, and those of their options that are used. https://cli.github.com/manual/"""


def flags(words: list[str]) -> set[str]:
    """The options among words."""
    return {word for word in words if word.startswith("--")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_row_has_a_test_and_a_command(row: list[str]) -> None:
    """Where only an account tells something, there is one command that tells it."""
    assert len(row) == 4
    assert TEST.search(row[1]), row
    assert missing(row[1]) == set()
    assert len(re.findall("`[^`]+`", row[3])) == (0 if row[2] == "nothing" else 1)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("phaseline ")])
def test_our_command_exists(command: str) -> None:
    """It takes the shown values."""
    _, name, *options = shlex.split(command)
    found = main.get_command(click.Context(main), name)
    assert found
    found.make_context(name, options)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("aws ")])
def test_command_of_aws_exists_and_reads(command: str) -> None:
    """Service, operation and parameters are those of AWS's own description."""
    _, service, operation, *rest = shlex.split(command)
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation.split("-")[0] in {"list", "get", "describe", "filter"}
    shape = model.operation_model(names[operation]).input_shape
    assert shape
    members = {f"--{xform_name(name, '-')}" for name in shape.members}
    required = {f"--{xform_name(name, '-')}" for name in shape.required_members}
    assert required <= flags(rest) <= members


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("gh ")])
def test_command_of_github_exists(command: str) -> None:
    """It reads an operation of the API, uses known options, or starts a workflow as it is."""
    _, group, *rest = shlex.split(command)
    if group == "api":
        (path,) = rest
        shown = path.replace("acme/automation", "{}/{}").replace("acme/phaseline", "{}/{}")
        assert re.sub("/production$", "/{}", shown) in READ
    elif (group, rest[0]) == ("workflow", "run"):
        workflow = parse((ROOT / ".github/workflows" / rest[1]).read_text("utf-8"))
        given = inputs(["gh", group, *rest])
        assert dispatch_inputs(workflow, given).items() >= given.items()
    else:
        assert flags(rest) <= GH[group, rest[0]]
        for name in re.findall(r"--workflow (\S+)", command):
            assert (ROOT / ".github/workflows" / name).exists()


def test_no_other_programs() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"phaseline", "aws", "gh"}


def test_every_check_of_an_account_has_a_row() -> None:
    assert set(re.findall(r"--check ([a-z-]+)", PAGE)) == CHECKS.keys()
