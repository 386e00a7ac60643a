"""Tests stand on their own: what several of them need is in a module without tests."""

import ast
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "tests").rglob("*.py"))


def imported_test_modules(source: str) -> list[str]:
    """The test modules that a module imports from."""
    return [
        node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("tests.")
        and node.module.rpartition(".")[2].startswith("test_")
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_test_module_is_imported(path: Path) -> None:
    """Builders are in tests/builders/, or beside the tests of a folder that share them."""
    assert imported_test_modules(path.read_text("utf-8")) == []


def test_no_name_of_a_test_contains_a_zip(request: pytest.FixtureRequest) -> None:
    """A zip has the time at which it was made, so that two processes collect different tests."""
    assert [item.nodeid for item in request.session.items if r"PK\x03" in item.nodeid] == []


def test_tests_that_share_a_system_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist adds the group to a test's ID, and does so silently in vain with pytest 9.2.

    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    is_alone = "PYTEST_XDIST_WORKER" not in os.environ
    for item in request.session.items:
        marker = item.get_closest_marker("xdist_group")
        assert is_alone or marker is None or item.nodeid.endswith(f"@{marker.args[0]}")
