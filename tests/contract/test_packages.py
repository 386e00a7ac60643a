"""The zips of the real Lambdas: the same bytes each time, complete, and nothing too much."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

from phaseline.deploy.package import Package, build
from phaseline.deploy.plan import FUNCTIONS

ROOT = Path(__file__).parents[2]
INSTALLED = Path(sysconfig.get_path("purelib"))
SIZE_LIMIT = 200_000
"""Bytes of a zip. Code is read from it at every cold start; phaseline/ is about 20,000 and the
modules of slack_sdk that the notifier reaches are about 100,000."""
ZONES_LIMIT = 400_000
"""What time zones may add: there are 600, of about 400 bytes each."""
SUPPLIED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
"""What the runtime brings: boto3 and what it stands on."""
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
import handler
assert callable(handler.handler)
"""
ZONE = """
import zoneinfo
zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo("Europe/Berlin")
"""


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, whose values these tests never need."""


def some_text(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> str:
    """A text in the place of what CloudFormation would put there."""
    return f"value-of-{suffix}"


TemplateLoader.add_multi_constructor("!", some_text)


def variables(name: str) -> dict[str, str]:
    """The environment that the template gives a function."""
    text = (ROOT / f"infra/{FUNCTIONS[name]}.yaml").read_text()
    template = yaml.load(text, TemplateLoader)  # noqa: S506 - it is a SafeLoader
    logical = "".join(word.capitalize() for word in name.split("_"))
    given = template["Resources"][logical]["Properties"]["Environment"]["Variables"]
    return {key: value if isinstance(value, str) else "value" for key, value in given.items()}


def built(name: str, root: Path, out: Path) -> Package:
    """The function's zip from a checkout at `root`."""
    return build(root / "lambdas" / name, [root, INSTALLED], out)


def names(package: Package) -> list[str]:
    """The zip's entries."""
    with zipfile.ZipFile(package.path) as zipped:
        return zipped.namelist()


def test_every_lambda_is_deployed() -> None:
    """The directories and the list that deploy builds from are the same."""
    found = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    assert found == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_builds_are_equal(name: str, tmp_path: Path) -> None:
    """Also from another checkout, whose files have other times and permissions."""
    other = tmp_path / "somewhere" / "else"
    for part in ("phaseline", f"lambdas/{name}"):
        shutil.copytree(ROOT / part, other / part, copy_function=shutil.copyfile)
    first, second = built(name, ROOT, tmp_path / "1.zip"), built(name, other, tmp_path / "2.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.code_sha256 == second.code_sha256


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_too_much_is_packed(name: str, tmp_path: Path) -> None:
    """Modules only, none that the runtime brings; slack_sdk for the notifier alone, and the
    zones' data for those that read windows."""
    package = built(name, ROOT, tmp_path / "f.zip")
    found = names(package)
    tops = {entry.partition("/")[0] for entry in found}
    windows = "phaseline/documents/windows.py" in found
    assert all(entry.endswith(".py") or entry.startswith("tzdata/") for entry in found)
    assert tops.isdisjoint(SUPPLIED)
    assert tops <= (
        {"handler.py", "phaseline"}
        | ({"slack_sdk"} if name == "slack_notifier" else set())
        | ({"cronsim", "tzdata"} if windows else set())
    )
    assert not any(entry.startswith(("phaseline/deploy/", "phaseline/drift/")) for entry in found)
    assert package.size < SIZE_LIMIT + (ZONES_LIMIT if windows else 0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_package_starts_as_the_template_starts_it(name: str, tmp_path: Path) -> None:
    """Its handler, and each module in it, can be imported where there is only the zip, what the
    runtime brings, and the environment variables of the template; a time zone is found where
    the system knows none."""
    package = built(name, ROOT, tmp_path / "f.zip")
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for part in SUPPLIED:
        (runtime / part).symlink_to(INSTALLED / part)
    modules = [
        entry.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for entry in names(package)
        if entry.endswith(".py")
    ]
    program = PROGRAM + "".join(f"import {module}\n" for module in modules)
    if "phaseline.documents.windows" in modules:
        program += ZONE
    # -I and -S: neither this directory, nor the packages of this environment.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(package.path), str(runtime)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"AWS_DEFAULT_REGION": "us-east-1"} | variables(name),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
