"""What the refusal of a call means is decided in one place for each service."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from phaseline.aws.refusals import CREDENTIALS, DENIED, THROTTLED, UNAVAILABLE

ROOT = Path(__file__).parents[2]
DECIDE = {
    "phaseline/aws/refusals.py": "AWS",
    "phaseline/github/answers.py": "GitHub",
    "phaseline/slack/channel.py": "Slack",
}
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("phaseline", "scripts", "lambdas")
    for path in (ROOT / folder).rglob("*.py")
)
FAMILIES = THROTTLED | CREDENTIALS | UNAVAILABLE
STATUSES = {401, 403, 429}


def codes_and_statuses(source: str) -> Iterator[str]:
    """The error codes of families, and the statuses with more than one meaning, in a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(code)) if code in FAMILIES or DENIED.fullmatch(code):
                yield f"{code}, line {node.lineno}"
            case ast.Constant(value=int(status)) if status in STATUSES:
                yield f"{status}, line {node.lineno}"


@pytest.mark.parametrize("module", [path for path in MODULES if path not in DECIDE])
def test_no_module_decides_for_itself(module: str) -> None:
    """A list of its own would lack a code of the family."""
    assert list(codes_and_statuses((ROOT / module).read_text("utf-8"))) == []


@pytest.mark.parametrize("module", DECIDE)
def test_modules_that_decide_are_found(module: str) -> None:
    assert list(codes_and_statuses((ROOT / module).read_text("utf-8"))) != []


@pytest.mark.parametrize(
    "source",
    [
        'code == "AccessDenied"',
        'code in {"KMSAccessDeniedException"}',
        'CODES = ("Throttling", "SlowDown")',
        '{"ExpiredToken": 1}',
        "status == 403",
        "match status:\n    case 429: pass",
    ],
)
def test_list_of_codes_is_found(source: str) -> None:
    assert list(codes_and_statuses(source)) != []
