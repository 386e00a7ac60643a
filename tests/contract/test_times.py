"""Times that others give are parsed in one place, where a malformed one is an error."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECEIVERS = ("lambdas", "scripts", "phaseline/algorithms", "phaseline/promotion/request.py")
"""What takes times of people, files and other services. Other modules read those that Phaseline
wrote itself."""
PARSERS = {"fromisoformat", "strptime"}
FILES = sorted(
    path
    for receiver in RECEIVERS
    for path in ([ROOT / receiver] if receiver.endswith(".py") else (ROOT / receiver).rglob("*.py"))
)


def parsers(source: str) -> Iterator[str]:
    """The methods of datetime that parse text, as often as a module names them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in PARSERS:
            yield node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_times_of_others_are_parsed_by_phaseline_times(path: Path) -> None:
    assert list(parsers(path.read_text("utf-8"))) == [], "use phaseline.times.parse"


def test_other_parsers_of_times_are_found() -> None:
    assert list(parsers("map(datetime.fromisoformat, [dt.strptime(a, b)])")) == [
        "fromisoformat",
        "strptime",
    ]
    assert len(FILES) > 20
