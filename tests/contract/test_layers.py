"""What a folder of the library may import: what lies below it, and no client where all is pure."""

import ast
from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from phaseline.deploy.package import imports

ROOT = Path(__file__).parents[2]
LAYERS = (
    ("errors",),
    ("times", "archive", "text"),
    ("aws",),
    ("releases",),
    ("algorithms",),
    ("github",),
    ("documents",),
    ("pipeline",),
    ("site", "deploy"),
    ("slack",),
    ("history", "promotion"),
    ("drift",),
)
"""The folders and files of phaseline/, the lowest first. One imports what lies below it."""
CLIENTS = ("boto3", "botocore", "mypy_boto3", "urllib3", "urllib.request")
DATA = ("boto3.dynamodb.types", ".type_defs")
"""The ends of modules that convert or describe data and make no request."""
FLOORS = {name: floor for floor, names in enumerate(LAYERS) for name in names}
MODULES = sorted((ROOT / "phaseline").rglob("*.py"))


def module_name(path: Path) -> str:
    """phaseline.site.cdn for phaseline/site/cdn.py."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> Set[str]:
    """The modules of the library that a module imports when it runs."""
    known = {module_name(module) for module in MODULES}
    found = imports(path.read_text("utf-8"), module_name(path), is_package=False)
    return {one.module for one in found if one.module in known} - {module_name(path)}


def upward(importer: str, modules: Set[str]) -> Iterator[str]:
    """The imports that do not go down, or stay in the importer's own folder."""
    folder = importer.split(".")[1]
    for module in sorted(modules):
        other = module.split(".")[1]
        if other != folder and FLOORS[other] >= FLOORS[folder]:
            yield f"{importer} imports {module}"


def in_a_circle(graph: Mapping[str, Set[str]]) -> list[str]:
    """The modules of a circle of imports; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def clients(source: str) -> list[str]:
    """The clients that a module names, for its types too."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return [name for name in names if name.startswith(CLIENTS) and not name.endswith(DATA)]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_down(path: Path) -> None:
    """A module imports what lies in its own folder or below it."""
    if path.name != "__init__.py":
        assert list(upward(module_name(path), imported(path))) == []


def test_every_folder_has_its_layer() -> None:
    """Nothing in the library is left out of the order."""
    parts = {path.relative_to(ROOT / "phaseline").parts[0] for path in MODULES}
    assert {part.removesuffix(".py") for part in parts} - {"__init__"} == set(FLOORS)


def test_no_module_imports_itself_through_others() -> None:
    """There is no circle of imports."""
    assert in_a_circle({module_name(path): imported(path) for path in MODULES}) == []


def test_pure_module_has_no_client() -> None:
    """A module that calls itself pure names no client, not even as a type."""
    pure = {
        module_name(path): source
        for path in MODULES
        if (ast.get_docstring(ast.parse(source := path.read_text("utf-8"))) or "").startswith(
            "Pure"
        )
    }
    assert len(pure) > 10
    assert {name: found for name, source in pure.items() if (found := clients(source))} == {}


def test_upward_import_circle_and_client_are_found() -> None:
    """An import upward, a circle and a client are seen."""
    assert list(upward("phaseline.aws.secret", {"phaseline.site.cdn", "phaseline.errors"})) == [
        "phaseline.aws.secret imports phaseline.site.cdn"
    ]
    assert in_a_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert clients("if TYPE_CHECKING:\n    from mypy_boto3_s3 import S3Client") == ["mypy_boto3_s3"]
