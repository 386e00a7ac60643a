"""A class name means one thing in the library, the commands and the functions."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("phaseline", "scripts", "lambdas")


def repeated(sources: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Return the names of public classes and aliases that several modules define, with these."""
    modules = defaultdict(list)
    for module, source in sources:
        for node in ast.parse(source).body:
            for name in _defined(node):
                modules[name].append(module)
    return {name: found for name, found in modules.items() if len(found) > 1}


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef(name=name):
            names = [name]
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript()):
            names = [name]
        case _:
            names = []
    return [name for name in names if not name.startswith("_") and not name.isupper()]


def test_each_class_name_is_defined_once() -> None:
    sources = (
        (path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    assert repeated(sources) == {}


def test_repeated_class_and_alias_are_found() -> None:
    first = "class Step: ...\nKey = tuple[str, str]\nLIMITS = A[0]\n"
    second = "class Key: ...\nclass Step: ...\nclass _Own: ...\n"
    assert repeated([("a", first), ("b", second)]) == {"Step": ["a", "b"], "Key": ["a", "b"]}
