"""The program `phaseline`: as a package installs it, as `make setup` does, and how it starts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from requirements.environments import LISTS, ROOT, add_program, find_uv
from scripts.__main__ import HEADINGS, OTHERS
from scripts.cli.version import VERSION
from tests.contract.locked import pins

SOURCES = ("phaseline", "scripts", "requirements", "pyproject.toml", "MANIFEST.in", "CHANGELOG.md")
SLOW = ("boto3", "botocore", "rich", "github", "slack_sdk", "yaml", "urllib3")
"""Packages that take long to import, or that only some commands need."""


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHASELINE_")}
    return subprocess.run(
        command, cwd=cwd, env=kept | variables, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as `pip install .` or pipx installs it. The packages that it needs are here."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    shutil.copy(ROOT / "LICENSE", source)
    environment, uv = folder / "environment", str(find_uv())
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    made = [sys.executable, "-c", "from setuptools import build_meta as b; b.build_wheel('..')"]
    subprocess.run(made, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    command: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--python",
    ]
    subprocess.run([*command, environment, wheel], check=True)
    return environment


def needed() -> str:
    """The folder of the packages that the program needs."""
    return str(Path(pytest.__file__).parents[1])


def test_package_has_the_program_its_version_and_its_requirements(
    installed: Path, tmp_path: Path
) -> None:
    """The version is the changelog's, and the requirements are those of the list."""
    program = installed / "bin/phaseline"
    shown = run(program, "--version", cwd=tmp_path, PYTHONPATH=needed())
    assert (shown.returncode, shown.stdout) == (0, f"phaseline {VERSION}\n"), shown.stderr
    (metadata,) = installed.glob("lib/*/site-packages/phaseline-*.dist-info/METADATA")
    asked = re.findall(r"^Requires-Dist: ([\w-]+)==(\S+)$", metadata.read_text(), re.MULTILINE)
    wanted = pins(LISTS / "scripts.in")
    assert {name.lower().replace("_", "-"): {version} for name, version in asked} == wanted


def test_command_that_needs_a_checkout_says_so_in_an_installed_program(
    installed: Path, tmp_path: Path
) -> None:
    program = installed / "bin/phaseline"
    ended = run(program, "package", cwd=tmp_path, PYTHONPATH=needed())
    assert ended.returncode == 3
    assert re.fullmatch(r"error: the installed program: .*make setup.*\n", ended.stderr)


@pytest.mark.parametrize("name", ["a b", "it's", 'a "b"'])
def test_program_of_the_checkout_runs_in_any_folder(tmp_path: Path, name: str) -> None:
    """Also where a folder has the name of its package, and from a path that shells would split."""
    environment, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    (environment / "bin").mkdir(parents=True)
    python = environment / "bin/python"
    python.symlink_to(sys.executable)
    (elsewhere / "scripts").mkdir(parents=True)
    (elsewhere / "scripts/__init__.py").write_text("raise SystemExit('another scripts')\n")
    assert add_program(environment) == 0
    shown = run(environment / "bin/phaseline", "--version", cwd=elsewhere, PYTHONPATH=needed())
    assert (shown.returncode, shown.stdout) == (0, f"phaseline {VERSION}\n"), shown.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_program_starts_without_slow_packages(arguments: list[str]) -> None:
    """A person waits for them, and a completion of the shell even more."""
    script = (
        "import sys\nfrom scripts.__main__ import run\n"
        "try:\n    run()\nexcept SystemExit:\n    print(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = run(sys.executable, "-c", script, *arguments, cwd=ROOT)
    assert "phaseline" in ended.stdout
    loaded = set(ended.stderr.split())
    assert "scripts.__main__" in loaded
    assert loaded.isdisjoint(SLOW)


def test_build_takes_the_locked_build_package() -> None:
    (asked,) = re.findall(
        r'requires = \["setuptools==(\S+)"\]', (ROOT / "pyproject.toml").read_text()
    )
    assert pins(LISTS / "dev.in")["setuptools"] == {asked}


def test_headings_name_existing_commands_once() -> None:
    """A command that no heading names stands under the heading of the others."""
    named = [name for names in HEADINGS.values() for name in names]
    files = {file.stem.replace("_", "-") for file in (ROOT / "scripts/commands").glob("*.py")}
    assert len(named) == len(set(named))
    assert set(named) <= files
    assert OTHERS not in HEADINGS
