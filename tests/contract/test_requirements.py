"""The locked lists of packages: complete, with hashes, and as the files that people edit say."""

import json
import re
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from phaseline.deploy.package import imports
from requirements.environments import LISTS, LOCKED, ROOT
from tests.contract.locked import npm_packages, pins


def included(source: str) -> list[str]:
    """The lists that a list takes in."""
    text = (LISTS / source).read_text("utf-8")
    return re.findall(r"^-r (\S+)$", text, re.MULTILINE)


def asked(source: str) -> dict[str, set[str]]:
    """What a list that people edit names, with the lists that it takes in."""
    found = pins(LISTS / source)
    for other in included(source):
        found |= asked(other)
    return found


@pytest.mark.parametrize(("source", "target"), LOCKED.items())
def test_locked_list_holds_what_was_asked_for(source: str, target: str) -> None:
    """`make lock` was run after the last change."""
    wanted, locked = asked(source), pins(ROOT / target)
    assert wanted
    assert {name: locked.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("target", LOCKED.values())
def test_every_locked_package_has_a_hash(target: str) -> None:
    """An installer that is asked for hashes takes the whole list."""
    entries = re.split(r"\n(?=\S)", (ROOT / target).read_text("utf-8"))
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []


def test_lists_of_one_environment_agree() -> None:
    """What the demo installed is what the tests find: adding a list changes no version."""
    base, *others = (pins(ROOT / LOCKED[source]) for source in ("scripts.in", "local.in", "dev.in"))
    for larger in others:
        assert {name: larger.get(name) for name in base} == base
        base = larger


def test_workflows_use_the_locked_installer() -> None:
    """The jobs install by the version of uv that a machine without uv gets."""
    (version,) = pins(LISTS / "uv.in")["uv"]
    action = (ROOT / ".github/actions/setup/action.yml").read_text("utf-8")
    assert f'version: "{version}"' in action


def modules(start: Iterable[Path]) -> dict[str, Path]:
    """Return the project's modules that these files are or import, by name."""
    found: dict[str, Path] = {}
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in found:
            found[name] = path
            waiting += (file for module in imported(name, path) for file in files(module))
    return found


def imported(name: str, path: Path) -> set[str]:
    """Return the names of all modules that a module may import when it runs."""
    source = path.read_text("utf-8")
    return {one.module for one in imports(source, name, is_package=path.stem == "__init__")}


def files(module: str) -> list[Path]:
    """Return the file of one of the project's modules, or none for other modules."""
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return [candidate for candidate in candidates if candidate.is_file()]


def third_party(start: Iterable[Path]) -> dict[str, str]:
    """Return the packages outside the project that modules import, each with one of its modules."""
    own = {path.name for path in ROOT.iterdir()}
    known = packages_distributions()
    packages: dict[str, str] = {}
    for name, path in modules(start).items():
        for module in imported(name, path):
            top = module.partition(".")[0]
            if top not in own | sys.stdlib_module_names and top in known:
                packages[re.sub(r"[-_.]+", "-", known[top][0]).lower()] = name
    return packages


@pytest.mark.parametrize(
    ("program", "target"),
    [
        (["local/__main__.py"], "requirements/local.txt"),
        (sorted(ROOT.glob("scripts/**/*.py")), "requirements.txt"),
    ],
    ids=["local", "scripts"],
)
def test_program_finds_all_that_it_imports_in_its_list(
    program: list[str | Path], target: str
) -> None:
    """The tests' environment has more packages, so only a new clone would show what is missing."""
    needed = third_party(ROOT / path for path in program)
    assert "boto3" in needed
    assert needed.keys() - pins(ROOT / target).keys() == set()


def test_every_list_is_locked() -> None:
    """No list of packages is beside those that `make lock` writes with hashes."""
    assert {path.name for path in LISTS.glob("*.in")} == LOCKED.keys()
    found = [*LISTS.glob("*.txt"), *ROOT.glob("requirements*.txt")]
    assert {str(path.relative_to(ROOT)) for path in found} == set(LOCKED.values())


def test_every_installation_checks_hashes() -> None:
    """Neither a job nor a person's machine installs a package that no hash names."""
    places = [*ROOT.glob(".github/**/*.yml"), ROOT / "Makefile", LISTS / "environments.py"]
    places += ROOT.glob("examples/**/*.yml")
    commands = [
        command
        for path in places
        for command in re.findall(
            r"(?:pip install|\"pip\", \"install\"|\*pip, \"install\")(?:[^\n]|\\\n)*(?:\n[^\n]*)?",
            path.read_text("utf-8"),
        )
    ]
    assert len(commands) == 3
    assert [command for command in commands if "--require-hashes" not in command] == []


def test_npm_installs_exactly_what_is_locked_and_runs_none_of_it() -> None:
    """Each package has the hash of its content, and the lock file has what was asked for."""
    asked = json.loads((LISTS / "node/package.json").read_text("utf-8"))["dependencies"]
    locked = npm_packages()
    assert {name: locked[name]["version"] for name in asked} == asked
    assert [name for name, one in locked.items() if "sha512-" not in one["integrity"]] == []
    assert [name for name, one in locked.items() if "resolved" in one] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = re.findall(r"\bnpm (?!ci`)[^\n]*", makefile)
    assert len(commands) == 1
    assert commands[0].startswith("npm ci --prefix .phaseline/node --ignore-scripts ")
