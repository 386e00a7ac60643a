"""Errors of AWS libraries may quote a request: only phaseline/aws/wording.py gives their text."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for folder in ("phaseline", "scripts", "lambdas") for path in (ROOT / folder).rglob("*.py")
)
FOREIGN = {"BotoCoreError", "ClientError", "Exception", "BaseException", "RequestException"}


def quoted(source: str) -> Iterator[int]:
    """The lines in which a handler of foreign errors makes a text of the error itself."""
    for handler in ast.walk(ast.parse(source)):
        if isinstance(handler, ast.ExceptHandler) and handler.type and handler.name:
            caught = {
                getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(handler.type)
            }
            if caught & FOREIGN:
                yield from _texts(handler)


def _texts(handler: ast.ExceptHandler) -> Iterator[int]:
    for node in ast.walk(handler):
        if isinstance(node, ast.FormattedValue):
            values: list[ast.expr] = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"str", "repr"}:
            values = node.args
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "exception":
            values = [ast.Name(str(handler.name))]  # a logger, which adds the traceback
        else:
            continue
        if any(isinstance(value, ast.Name) and value.id == handler.name for value in values):
            yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_of_a_foreign_error_is_not_shown_as_it_is(path: Path) -> None:
    assert list(quoted(path.read_text("utf-8"))) == []


def test_text_of_a_foreign_error_is_found() -> None:
    for text in ("str(error)", 'f"{error}"', "repr(error)", "LOG.exception('x')"):
        source = f"try:\n    x()\nexcept (OSError, ClientError) as error:\n    say({text})\n"
        assert list(quoted(source)) == [4]
    assert not list(
        quoted("try:\n    x()\nexcept ClientError as error:\n    say(wording(error))\n")
    )
