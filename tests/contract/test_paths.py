"""The files and tests that documents, docstrings and workflows name exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = "benchmarks|docs|examples|infra|lambdas|local|phaseline|requirements|scripts|tests"
NAMED = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\.(?:py|md|ya?ml|json|txt|in|sh))\b")
TEST = re.compile(r"\b(tests/[\w./-]*\.py)::(test_\w+)")
MADE_BY_READERS = {
    "infra/parameters/demo.json",
    "infra/parameters/production.json",
    "infra/parameters/staging.json",
}
"""Parameters files: each environment has its own, and a caller keeps them where it wants."""


def readable() -> list[str]:
    """The repository's files in which people read, except for the tests' own samples."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "*.py", "*.yml", "*.yaml", "Makefile"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if not path.startswith("tests/")]


def missing(text: str) -> set[str]:
    """Return the files and tests that a text names and that do not exist."""
    files = {path for path in NAMED.findall(text) if not (ROOT / path).exists()}
    tests = {
        f"{path}::{name}"
        for path, name in TEST.findall(text)
        if path not in files and f"def {name}(" not in (ROOT / path).read_text("utf-8")
    }
    return (files | tests) - MADE_BY_READERS


@pytest.mark.parametrize("path", readable())
def test_named_files_exist(path: str) -> None:
    """Nobody is sent to a file that was moved."""
    assert missing((ROOT / path).read_text("utf-8")) == set()


def test_moved_file_and_renamed_test_are_noticed() -> None:
    here = "tests/contract/test_paths.py"
    assert missing(f"{here}::test_named_files_exist, {here}::test_x") == {f"{here}::test_x"}
    assert missing("See `phaseline/transition.py` and README.md.") == {"phaseline/transition.py"}
