"""What the library may import: the standard library, boto3, botocore, cronsim and itself.

cronsim is one module of pure Python, packed with the functions that read windows. slack_sdk is
imported by one module alone, which only the notifier's function and commands that post import.
"""

import sys
from pathlib import Path

import pytest

from phaseline.deploy.package import imports

ROOT = Path(__file__).parents[2]
ALLOWED = sys.stdlib_module_names | {"boto3", "botocore", "cronsim", "phaseline"}
SLACK = ROOT / "phaseline/slack/channel.py"
MODULES = sorted((ROOT / "phaseline").rglob("*.py"))


def foreign(source: str, module: str) -> list[str]:
    """The modules outside ALLOWED that a text imports, with their lines."""
    found = imports(source, module, is_package=False)
    return [
        f"{one.module}, line {one.line}"
        for one in found
        if one.module.partition(".")[0] not in ALLOWED
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_library_imports_only_what_the_runtime_supplies(path: Path) -> None:
    """A Lambda needs little but phaseline/ beside what its runtime brings."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    others = foreign(path.read_text("utf-8"), name)
    assert [one for one in others if path != SLACK or not one.startswith("slack_sdk")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import slack_sdk",
        "from slack_sdk.errors import SlackApiError",
        "def f():\n    import requests",
        "try:\n    import yaml\nexcept ImportError:\n    yaml = None",
        "import importlib\nimportlib.import_module('click')",
        "import scripts.cli.console",
    ],
)
def test_every_form_of_a_foreign_import_is_found(statement: str) -> None:
    """Every form of a foreign import is seen."""
    assert foreign(statement, "phaseline.x") != []


def test_imports_for_types_and_relative_imports_are_allowed() -> None:
    """A type's package is not there at run time, and a relative import stays inside."""
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_s3\n"
    assert foreign(text + "from . import errors\n", "phaseline.x") == []
