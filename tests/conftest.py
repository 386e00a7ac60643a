"""What every test needs: no real account in reach, and a way to load a Lambda's handler."""

import gc
import importlib.util
import os
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from local.system import System
from tests import shared_aws, system_report

ROOT = Path(__file__).parents[1]
LoadHandler = Callable[[str, dict[str, str]], ModuleType]

# pytest numbers and locks the folders of its runs there, so that two runs at once keep their files.
TEMPORARY = ROOT / ".phaseline/tests"
TEMPORARY.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(TEMPORARY))

shared_aws.share()
# On a busy machine, an example can take any time.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
# The modules and models that tests share are many objects, and stay: look through them rarely.
gc.set_threshold(5_000, 10, 50)


GROUPS = {
    "tests/board/": "board",
    "tests/emulator/": "emulator",
    "tests/system/test_automatic.py": "automatic",
    "tests/system/test_demo.py": "demo",
    "tests/system/test_killed.py": "killed",
    "tests/system/": "system",
    "tests/workflows/test_failures.py": "workflows of people",
    "tests/workflows/test_operations.py": "workflows of people",
    "tests/workflows/": "workflows",
}
"""Which tests share what they start, by the beginning of their path; the first that fits counts.
The workflows are two groups, so that two processes share the longest part."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a running system in one process; all others may run in any."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        group = next((name for start, name in GROUPS.items() if path.startswith(start)), None)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a zip after its argument. pytest takes the bytes, which contain the time of its making,
    and pytest-xdist runs nothing if two processes collect different names."""
    return argname if isinstance(val, bytes) and val.startswith(b"PK") else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a failed test say what the local system was doing."""
    report = yield
    if report.failed:
        for system in item.funcargs.values():
            if isinstance(system, System):
                report.sections.append(("the local system", system_report.describe(system)))
    return report


@pytest.fixture(autouse=True)
def no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the developer's AWS settings, so that no test can reach an account."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GITHUB_", "SLACK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def load_handler(monkeypatch: pytest.MonkeyPatch) -> LoadHandler:
    """Import `lambdas/<name>/handler.py` as a Lambda does: anew, in the given environment."""

    def load(name: str, env: dict[str, str]) -> ModuleType:
        for variable, value in env.items():
            monkeypatch.setenv(variable, value)
        path = ROOT / "lambdas" / name / "handler.py"
        spec = importlib.util.spec_from_file_location(f"{name}_handler", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
