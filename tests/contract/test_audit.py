"""The check for known vulnerabilities: every locked package, and no answer is no good answer."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from requirements.environments import LOCKED, ROOT
from requirements.vulnerabilities import UncheckedError, known, main, rounds
from tests.contract.locked import pins

AUDITOR = """\
import json, sys
assert "--strict" in sys.argv
lines = open(sys.argv[-1]).read().split()
pins = [line.split("==") for line in lines]
assert len({{name for name, _ in pins}}) == len(pins)
open({log!r}, "a").write("".join(line + "\\n" for line in lines))
flaws = {{"id": "PYSEC-1", "fix_versions": ["9"], "aliases": []}}
print(json.dumps({{"dependencies": [
    {{"name": name, "version": version, "vulns": [flaws] if name == {bad!r} else []}}
    for name, version in pins
]}}))
sys.exit(1)  # as after an error, and after a vulnerability
"""


def auditor(folder: Path, *, bad: str = "") -> list[str]:
    """A program that reports as pip-audit does, and notes what it was asked."""
    file = folder / "auditor.py"
    file.write_text(AUDITOR.format(log=str(folder / "asked"), bad=bad))
    return [sys.executable, str(file)]


def test_every_locked_package_is_checked(tmp_path: Path) -> None:
    """Also those that this system and this Python do not need."""
    assert main(auditor(tmp_path)) == 0
    asked = [tuple(line.split("==")) for line in (tmp_path / "asked").read_text().split()]
    wanted = {
        (name, version)
        for target in LOCKED.values()
        for name, versions in pins(ROOT / target).items()
        for version in versions
    }
    assert {name for name, _ in asked} >= {"pywin32", "pip-audit", "awscli"}
    assert sorted(asked) == sorted(wanted)


def test_known_vulnerability_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(auditor(tmp_path, bad="urllib3")) == 1
    assert "PYSEC-1, fixed in 9" in capsys.readouterr().out


@pytest.mark.parametrize("program", [["false"], ["/nowhere/pip-audit"]], ids=["fails", "missing"])
def test_check_that_is_not_made_fails(
    program: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as without a network: pip-audit then prints no report."""
    assert main(program) == 2
    assert "could not be checked" in capsys.readouterr().err


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"dependencies": []},
        {"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]},
        {"dependencies": [{"name": "a", "version": "2", "vulns": []}]},
    ],
)
def test_incomplete_report_is_no_answer(report: Mapping[str, Any]) -> None:
    with pytest.raises(UncheckedError):
        known([("a", "1")], json.dumps(report))


def test_names_are_compared_as_an_index_does() -> None:
    report = {"dependencies": [{"name": "Types_PyYAML", "version": "6", "vulns": []}]}
    assert known([("types-pyyaml", "6")], json.dumps(report)) == []


def test_no_round_has_a_package_twice() -> None:
    pairs = [("n", "3.6"), ("n", "3.7"), ("m", "1")]
    assert sorted(len(some) for some in rounds(pairs)) == [1, 2]
