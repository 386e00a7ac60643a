"""The examples in the docstrings of the library give the results that they show."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "phaseline").rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_right(name: str) -> None:
    """Every example of a module gives the result that follows it."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_library_has_examples() -> None:
    """The rule above does check examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    docstrings = [each for name in MODULES for each in finder.find(importlib.import_module(name))]
    assert sum(len(docstring.examples) for docstring in docstrings) > 10


def test_wrong_example_fails() -> None:
    """The rule above is able to fail."""
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda _: None).failed == 1
