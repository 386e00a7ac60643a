"""The commands of `python -m local` where there is no system to command: one line, no traceback."""

import fcntl
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from local.__main__ import run
from local.demo import demo

COMMANDS = (
    "promote opt route-planner 3.0.0",
    "phase route-planner 3.0.0 REJECTED",
    "break-build",
    "mend-build",
    "slack",
    "runs",
    "workflow drift.yml",
)
NOBODY = "http://127.0.0.1:1"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A folder in which a process runs a system, as far as its lock tells."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(place: Path, **changes: str) -> None:
    """Write what a running system tells the commands, of one that listens nowhere."""
    addresses = ("endpoint", "github_url", "slack_url", "edge_url")
    known = {"folder": str(place), **dict.fromkeys(addresses, NOBODY), "outputs": {}}
    (place / "system.json").write_text(json.dumps(known | changes), encoding="utf-8")


@contextmanager
def never_started(_folder: Path) -> Iterator[None]:
    yield


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    with locked(folder):
        yield


@contextmanager
def killed(folder: Path) -> Iterator[None]:
    with locked(folder):
        write(folder)
    yield


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    write(folder, folder=str(folder.parent / "other"))
    yield


@contextmanager
def older(folder: Path) -> Iterator[None]:
    with locked(folder):
        write(folder, edge="http://127.0.0.1:1")
        yield


@contextmanager
def half_gone(folder: Path) -> Iterator[None]:
    (folder / "emulator.log").write_text("Ready\n", encoding="utf-8")
    with locked(folder):
        write(folder)
        yield


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (never_started, 3, "no system runs here. Start one with `make demo`."),
        (starting, 3, "the system here is starting or stopping. Try again in a moment."),
        (killed, 3, "the system that ran here was killed. Start one with `make demo`."),
        (elsewhere, 3, "it describes the system of another checkout, in "),
        (older, 3, "another version of Phaseline has written it. Stop that system if it runs."),
        (half_gone, 1, f'the AWS emulator: nothing answers at {NOBODY}; it said last "Ready"'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("command", COMMANDS)
def test_command_without_a_system_names_the_remedy(
    command: str,
    state: Callable[[Path], AbstractContextManager[None]],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each command says what is the matter, and what to do."""
    folder = tmp_path / "demo"
    folder.mkdir()
    monkeypatch.setattr(demo, "FOLDER", folder)
    monkeypatch.setattr(sys, "argv", ["local", *command.split()])
    with state(folder), pytest.raises(SystemExit) as ended:
        run()
    said = capsys.readouterr()
    assert ended.value.code == code
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert words in said.err
    assert said.err.count("\n") == 1
