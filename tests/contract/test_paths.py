"""The files and tests that documents, docstrings and workflows name exist."""

import subprocess

import pytest

from tests.contract.named import ROOT, missing


def readable() -> list[str]:
    """The repository's files in which people read, except for the tests' own samples."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "*.py", "*.yml", "*.yaml", "Makefile"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if not path.startswith("tests/")]


@pytest.mark.parametrize("path", readable())
def test_named_files_exist(path: str) -> None:
    """Nobody is sent to a file that was moved."""
    assert missing((ROOT / path).read_text("utf-8")) == set()


def test_moved_file_and_renamed_test_are_noticed() -> None:
    here = "tests/contract/test_paths.py"
    assert missing(f"{here}::test_named_files_exist, {here}::test_x") == {f"{here}::test_x"}
    assert missing("See `phaseline/transition.py` and README.md.") == {"phaseline/transition.py"}
