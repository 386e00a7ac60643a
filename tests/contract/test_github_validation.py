"""GitHub's own parser and language service: no fault in the workflows, and each kind is found."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.workflow_rules import ROOT, read
from tests.contract.workflow_tables import head

BIN = Path(sys.executable).parent
INSTALLED = ROOT / ".phaseline/node"
SCRIPT = ROOT / "tests/contract/github_validation.mjs"
FILES = read()
PATHS = [path if path.endswith(".yml") else f"{path}/action.yml" for path in FILES]
CALLED = """\
on: {workflow_call: {inputs: {count: {type: number, required: true}}}}
jobs: {called: {runs-on: ubuntu-24.04, steps: [{run: make}]}}
"""
ACTION = """\
name: An action
description: It has one input.
inputs: {speed: {description: The speed., required: true}}
runs: {using: composite, steps: [{run: make, shell: bash}]}
"""
JOB = "jobs:\n  job:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make\n"
CALL = "on: push\njobs:\n  job:\n    uses: $/.github/workflows/called.yml\n"
FAULTS = {
    "unknown key": (f"on: push\nnames: x\n{JOB}", "Unexpected value 'names'"),
    "unknown event": (f"on: pushed\n{JOB}", "Unexpected value 'pushed'"),
    "no YAML": ("on: [push\njobs: {}\n", "Flow sequence"),
    "unknown function": (
        f"on: push\n{JOB}        if: begins('a', 'b')\n",
        "Unrecognized function: 'begins'",
    ),
    "argument of a format": (
        f"on: push\n{JOB}        env: {{X: \"${{{{ format('{{1}}', 'a') }}}}\"}}\n",
        "references argument {1}",
    ),
    "context that is not there": (
        f"on: push\nconcurrency: '${{{{ secrets.x }}}}'\n{JOB}",
        "Unrecognized named-value: 'secrets'",
    ),
    "property of a context": (
        f'on: push\n{JOB}        env: {{X: "${{{{ github.actors }}}}"}}\n',
        "Context access might be invalid: actors",
    ),
    "need of a job that is not there": (
        f"on: push\n{JOB}    needs: other\n",
        "Value 'other' is not valid",
    ),
    "type of an input": (CALLED.replace("number", "integer"), "Unexpected value 'integer'"),
    "input that is not declared": (
        f"{CALL}    with: {{count: 1, size: 2}}\n",
        "size is not defined",
    ),
    "input that is missing": (CALL, "count is required"),
    "workflow that is not there": (
        CALL.replace("called", "missing"),
        "Unable to find reusable workflow",
    ),
    "input of an action": (
        "on: push\n" + JOB.replace("run: make", "{uses: $/.github/actions/one, with: {sped: 1}}"),
        "Invalid action input 'sped'",
    ),
    "whole queue that is cancelled": (
        f"on: push\nconcurrency: {{group: a, queue: max, cancel-in-progress: true}}\n{JOB}",
        "'queue: max' cannot be combined",
    ),
}


def validate(root: Path, *paths: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines for files of the repository in a folder."""
    node = INSTALLED / "bin/node"
    command: list[str | Path] = [node, SCRIPT, INSTALLED, *paths]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout.splitlines()


def write(root: Path, name: str, text: str) -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return name


def test_github_finds_nothing_in_the_workflows() -> None:
    """`make lint` validates the same files, by their patterns."""
    assert validate(ROOT, *PATHS) == (0, [])
    patterns = ".github/workflows/*.yml .github/actions/*/action.yml"
    assert f"$(GITHUB) .phaseline/node {patterns}\n" in (ROOT / "Makefile").read_text("utf-8")
    named = [path for pattern in patterns.split() for path in ROOT.glob(pattern)]
    assert sorted(PATHS) == sorted(str(path.relative_to(ROOT)) for path in named)


def test_github_finds_every_kind_of_fault(tmp_path: Path) -> None:
    """Each at its file and a line."""
    write(tmp_path, ".github/workflows/called.yml", CALLED)
    write(tmp_path, ".github/actions/one/action.yml", ACTION)
    paths = {
        name: write(tmp_path, f".github/workflows/{number}.yml", text)
        for number, (name, (text, _)) in enumerate(FAULTS.items())
    }
    code, lines = validate(tmp_path, *paths.values())
    found = {
        name: [line for line in lines if line.startswith(f"{path}:")]
        for name, path in paths.items()
    }
    assert code == 1
    assert [name for name, (_, fault) in FAULTS.items() if fault not in str(found[name])] == [], (
        found
    )


def test_github_finds_the_fault_of_an_action(tmp_path: Path) -> None:
    text = ACTION.replace("shell: bash", "shel: bash")
    path = write(tmp_path, ".github/actions/one/action.yml", text)
    code, lines = validate(tmp_path, path)
    assert code == 1
    assert lines[0].startswith(f"{path}:4: ")


def test_actionlint_finds_a_value_of_another_type(tmp_path: Path) -> None:
    """It is the only fault of a call that GitHub's parser does not compare."""
    write(tmp_path, ".github/workflows/called.yml", CALLED)
    path = write(tmp_path, ".github/workflows/a.yml", f"{CALL}    with: {{count: many}}\n")
    assert validate(tmp_path, path) == (0, [])
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    command: list[str | Path] = [BIN / "actionlint", "-shellcheck=", "-pyflakes="]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert 'input "count" is typed as number' in ended.stdout


def test_nothing_to_validate_fails() -> None:
    """So a wrong pattern in the Makefile is noticed."""
    assert validate(ROOT) == (1, ["no files to validate"])


@pytest.mark.parametrize("path", [path for path in FILES if "/reusable-" in path])
def test_github_finds_nothing_in_the_example_of_a_caller(tmp_path: Path, path: str) -> None:
    """With this repository in place of the example's, so that inputs are compared."""
    write(tmp_path, path, FILES[path].text)
    own = head(FILES[path])[1].replace("acme/phaseline/", "$/").replace("@v1.0.0", "")
    assert "$/.github/workflows/reusable-" in own
    caller = write(tmp_path, ".github/workflows/caller.yml", own)
    assert validate(tmp_path, caller) == (0, [])
