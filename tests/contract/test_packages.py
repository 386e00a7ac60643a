"""The zips of the real Lambdas: the same bytes each time, complete, and nothing too much."""

import functools
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from phaseline.deploy.package import Package, build
from phaseline.deploy.plan import FUNCTIONS
from phaseline.documents import zones
from tests import templates

ROOT = Path(__file__).parents[2]
INSTALLED = Path(sysconfig.get_path("purelib"))
LIMITS = {
    "automatic_rollback": (94_500, 58),
    "cache_invalidator": (25_500, 20),
    "execution_recorder": (20_000, 17),
    "release_verifier": (43_000, 30),
    "site_publisher": (39_500, 27),
    "slack_notifier": (168_000, 78),
    "stream_listener": (75_500, 52),
}
"""The largest zip of each function in bytes, and the most files in it. Lambda reads code from the
zip at each cold start. Two thirds of the notifier's zip are slack_sdk, which imports all of its
packed modules when it is imported, so that none can be left out."""
WINDOW = """
import zoneinfo
zoneinfo.reset_tzpath(())
from phaseline.documents.windows import parse
assert parse("0 18 * * 5 for 2d in Europe/Berlin", "here", "ZONE")
"""
SUPPLIED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
"""What the runtime brings: boto3 and what it stands on."""
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
import handler
assert callable(handler.handler)
"""


def variables(name: str) -> dict[str, str]:
    """The environment that the template gives a function; "value" where CloudFormation computes."""
    logical = "".join(word.capitalize() for word in name.split("_"))
    resource = templates.load(FUNCTIONS[name])["Resources"][logical]
    given = resource["Properties"]["Environment"]["Variables"]
    return {key: value if isinstance(value, str) else "value" for key, value in given.items()}


def built(name: str, root: Path, out: Path) -> Package:
    """The function's zip from a checkout at `root`."""
    return build(root / "lambdas" / name, [root, INSTALLED], out)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Package]:
    """A function's zip from this checkout, built once."""
    folder = tmp_path_factory.mktemp("packages")
    return functools.cache(lambda name: built(name, ROOT, folder / f"{name}.zip"))


def names(package: Package) -> list[str]:
    """The zip's entries."""
    with zipfile.ZipFile(package.path) as zipped:
        return zipped.namelist()


def test_every_lambda_is_deployed() -> None:
    """The directories and the list that deploy builds from are the same."""
    found = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    assert found == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_builds_are_equal(name: str, package: Callable[[str], Package], tmp_path: Path) -> None:
    """Also from another checkout, whose files have other times and permissions."""
    other = tmp_path / "somewhere" / "else"
    for part in ("phaseline", f"lambdas/{name}"):
        shutil.copytree(ROOT / part, other / part, copy_function=shutil.copyfile)
    first, second = package(name), built(name, other, tmp_path / "2.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.code_sha256 == second.code_sha256


@pytest.mark.parametrize("name", FUNCTIONS)
def test_package_has_only_the_modules_that_it_needs(
    name: str, package: Callable[[str], Package]
) -> None:
    """Modules only, none that the runtime brings; slack_sdk for the notifier alone, and cronsim for
    those that read windows."""
    found = names(package(name))
    tops = {entry.partition("/")[0] for entry in found}
    windows = "phaseline/documents/windows.py" in found
    assert all(entry.endswith(".py") for entry in found)
    assert tops.isdisjoint(SUPPLIED)
    assert tops <= (
        {"handler.py", "phaseline"}
        | ({"slack_sdk"} if name == "slack_notifier" else set())
        | ({"cronsim"} if windows else set())
    )
    assert not any(entry.startswith(("phaseline/deploy/", "phaseline/drift/")) for entry in found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_package_is_within_its_limits(name: str, package: Callable[[str], Package]) -> None:
    """A zip stays within its bounds."""
    size, files = LIMITS[name]
    assert package(name).size <= size
    assert len(names(package(name))) <= files


@pytest.mark.parametrize("name", FUNCTIONS)
def test_package_starts_with_the_variables_of_its_template(
    name: str, package: Callable[[str], Package], tmp_path: Path
) -> None:
    """Its handler, and each module in it, can be imported where there is only the zip, what the
    runtime brings, and the environment variables of the template; a hold's window is read where
    the system knows no time zones."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for part in SUPPLIED:
        (runtime / part).symlink_to(INSTALLED / part)
    modules = [
        entry.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for entry in names(package(name))
        if entry.endswith(".py")
    ]
    program = PROGRAM + "".join(f"import {module}\n" for module in modules)
    if "phaseline.documents.windows" in modules:
        program += WINDOW.replace("ZONE", str(zones.find("Europe/Berlin")))
    # -I and -S: neither this directory, nor the packages of this environment.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(package(name).path), str(runtime)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"AWS_DEFAULT_REGION": "us-east-1"} | variables(name),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
