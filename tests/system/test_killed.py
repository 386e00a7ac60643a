"""What people see when a part of the local system is killed, and when they ask for what is so."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import automation
from local.__main__ import run
from local.demo import demo
from local.system import ROOT, System, control, deployment, frontend, start, table, website
from local.waiting import PATIENCE
from tests.system.conftest import COMPLETE
from tests.waiting import eventually, is_alive

DEMO = """
import signal
import sys
from pathlib import Path
from local.demo import demo
from local.__main__ import run
demo.FOLDER = Path(sys.argv.pop(1))
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
"""
UP = (
    DEMO
    + """
demo._deploy = demo._seed = demo.promote = lambda *_: True
demo._explain = lambda _, out: out.print("It stays up.")
"""
)
"""The demo without what takes it long, which is not tested here: it starts, stays up and ends."""


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The error, which has to be one line."""
        assert self.err.startswith("error: "), self
        assert self.err.count("\n") == 1, self
        return self.err


Command = Callable[..., Said]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m local`, about the system in a folder."""

    def call(folder: Path, *arguments: str) -> Said:
        monkeypatch.setattr(demo, "FOLDER", folder)
        monkeypatch.setattr(sys, "argv", ["local", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        return Said(int(ended.value.code or 0), *capsys.readouterr())

    return call


def processes(*words: str) -> list[int]:
    """The processes whose command lines hold all of these words."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if all(word in line for word in words)]


@contextmanager
def killing(*words: str) -> Iterator[None]:
    """Kill the process with these words in its command line as soon as there is one."""

    def kill() -> None:
        (found,) = eventually(lambda: processes(*words))
        os.kill(found, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()


@contextmanager
def demonstration(folder: Path, program: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A demo in a process of its own, and the file with what it says."""
    said = folder.parent / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{program}\nrun()", str(folder), "demo"],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        yield process, said
    finally:
        process.kill()
        process.wait()


def is_gone(folder: Path) -> bool:
    """Whether no process works in the folder any more."""
    return not processes(str(folder))


@pytest.mark.parametrize(
    ("program", "words"), [(DEMO, "Deploying the roles"), (UP, "It stays up.")], ids=["early", "up"]
)
def test_demo_ends_if_the_emulator_is_killed(
    program: str, words: str, tmp_path: Path, command: Command
) -> None:
    """The demo says so in one line, cleans up and ends: while it deploys as when it stays up."""
    folder = tmp_path / "demo"
    with demonstration(folder, program) as (process, said):
        eventually(lambda: words in said.read_text())
        (emulator,) = processes("serve.py", str(folder))
        os.kill(emulator, signal.SIGKILL)
        assert process.wait(PATIENCE) == 1
    *_, last = said.read_text().splitlines()
    assert last.startswith('error: the AWS emulator: it was ended by signal 9; it said last "')
    assert last.endswith(f"Its log is {folder}/emulator.log")
    assert "Traceback" not in said.read_text()
    assert not (folder / "system.json").exists()
    eventually(lambda: is_gone(folder))
    assert "no system runs here" in command(folder, "runs").line


def test_killed_demo_leaves_nothing_behind(tmp_path: Path, command: Command) -> None:
    """Nothing of it stays, commands say what happened, and another demo can start at once."""
    folder = tmp_path / "demo"
    with demonstration(folder, UP) as (process, said):
        eventually(lambda: "It stays up." in said.read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (folder / "system.json").exists()
    assert "the system that ran here was killed" in command(folder, "slack").line
    with demonstration(folder, UP) as (process, said):
        eventually(lambda: "It stays up." in said.read_text())
        assert command(folder, "runs") == Said(0, "", "")
        # The emulator of the first one has ended by itself, and did the second one no harm.
        eventually(lambda: len(processes("serve.py", str(folder))) == 1)
        assert "not deployed yet" in command(folder, "promote", "opt", "early", "1.0.0").line
        assert "a system runs here already" in command(folder, "demo").line
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
    assert said.read_text().endswith("\nStopped.\n")
    assert not (folder / "system.json").exists()
    eventually(lambda: is_gone(folder))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A deployed system with workflows, in a folder whose name holds what shells care about."""
    folder = Path(tmp_path_factory.mktemp("killed")) / "it's an Ümlaut folder"
    folder.mkdir()
    with start.running(folder / "state", workflows=True) as system:
        automation.trust(system)
        deployment.deploy(system)
        yield system


def test_killed_build_fails_as_on_aws(odd: System, tmp_path: Path, command: Command) -> None:
    """Its phase fails as on AWS, with all that it started; the command follows the release to its
    end, and tells what the website serves then."""
    armed, left = tmp_path / "armed", tmp_path / "left"
    good = frontend.read(odd, "buildspec.yml")
    arm, note = shlex.quote(str(armed)), shlex.quote(str(left))
    end = f"if rm {arm}; then sleep 1000 & echo $! > {note}; kill -9 $$; fi"
    bad = good.replace("    commands:\n", f"    commands:\n      - {json.dumps(end)}\n")
    commit = frontend.commit(odd, {"buildspec.yml": bad}, "Kill a build")
    try:
        eventually(lambda: website.manifest(odd).get("commit") == commit)
        armed.touch()
        said = command(odd.folder, "promote", "out", "survivor", "1.0.0")
    finally:
        frontend.commit(odd, {"buildspec.yml": good}, "Mend the build")
    assert not armed.exists()
    assert "exit status 137" in said.out
    assert not is_alive(int(left.read_text()))
    assert "on-version-tested.yml: " in said.out
    if website.versions(odd, "out") == {"survivor": "1.0.0"}:
        assert said.out.endswith("survivor 1.0.0 is live.\n")
        assert said.code == 0
    else:
        assert said.out.endswith("The website serves survivor None, not 1.0.0.\n")
        assert said.code == 4


def test_killed_act_fails_the_run(odd: System, command: Command) -> None:
    """The command says so in one line, and where the log is that goes no further."""
    with killing("/act ", odd.github_url, "drift.yml"):
        said = command(odd.folder, "workflow", "drift.yml")
    (log,) = [one["log"] for one in control.runs(odd) if one["workflow"].endswith("drift.yml")]
    assert said.code == 4
    assert "the run of drift.yml: failure: The runner (act) was ended by signal 9" in said.line
    assert said.line.endswith(f"Its log is {log}\n")


def test_repeated_command_changes_nothing(odd: System, command: Command) -> None:
    """Asked twice, a command says that nothing is left to do, and does nothing."""
    for arguments, words in (
        ("break-build", "The build is broken already; nothing was pushed.\n"),
        ("mend-build", "The build is as it should be already; nothing was pushed.\n"),
        ("promote in twin 1.0.0", "twin 1.0.0 is live already; nothing was done.\n"),
        ("phase twin 1.0.0 REJECTED", "The phase of twin 1.0.0 is REJECTED already; nothing was"),
    ):
        first = command(odd.folder, *arguments.split())
        assert (first.code, first.err, "nothing was" in first.out) == (0, "", False)
        before = (frontend.read(odd, "buildspec.yml"), table.phase(odd, "twin", "1.0.0"))
        again = command(odd.folder, *arguments.split())
        assert (again.code, again.err, again.out.count("\n")) == (0, "", 1)
        assert again.out.startswith(words)
        assert (frontend.read(odd, "buildspec.yml"), table.phase(odd, "twin", "1.0.0")) == before


def test_refused_request_is_one_line(odd: System, command: Command) -> None:
    """A request that can't be carried out is one line, and no silent wait."""
    item = {"type_": "sideways", "phase": COMPLETE, "title": "Lost", "summary": ""}
    table.write_algorithm(odd, "lost", "1.0.0", **item)
    for arguments, code, words in (
        ("promote in lost 1.0.0", 7, "it has passed its tests already, and the website serves"),
        ("phase nobody 1.0.0 REJECTED", 7, "there is no item nobody 1.0.0"),
        ("workflow nothing.yml", 1, "404 Not Found"),
        ("workflow drift.yml nothing=1", 1, '422 Unexpected inputs provided: ["nothing"]'),
    ):
        said = command(odd.folder, *arguments.split())
        assert (said.code, said.out) == (code, "")
        assert words in said.line
