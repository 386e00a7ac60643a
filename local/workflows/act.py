"""Runs one workflow file with act on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from local.waiting import PATIENCE, PAUSE
from local.workflows.act_files import SELF_HOSTED
from local.workflows.files import Event
from phaseline.aws.wait import poll

BIN = Path(sys.executable).parent
MEMORY = Path("/dev/shm")  # noqa: S108 - only for places of our own, with names of their own
PREFIX = "phaseline-run-"
UV = (
    Path(__file__).parents[2] / ".phaseline/uv/bin"
)  # `make setup` installs uv here if the machine has none
HEEDING_HANGUPS = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
try:
    os.execv(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error.strerror}")
"""
"""Starts a program with the default action for SIGHUP. This signal ends each step after act has
ended. Under nohup, the steps would ignore it."""
CANCELLATION = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 0.0))
"""The signals to each step of a cancelled run, and the seconds to wait for its end after each."""
CANCELLATION_SECONDS = 300.0
STEP_SECONDS = 10.0
"""The longest time between two steps of a job that is cancelled, in seconds."""
T = TypeVar("T")
HOOKED = {
    "ACT_JOB_HOOK": str(Path(__file__).with_name("job.py")),
    "ACT_PATIENCE": str(PATIENCE),
}
"""The path of local/workflows/job.py in a job, and the seconds for which it waits for an answer."""


@dataclass(frozen=True)
class Task:
    """The input of act.

    `folder` is the repository, with files that act can read. `scratch` is for files of this run.
    act copies the actions of each job to `home`. `actions` has the folders of the repositories that
    `uses:` names, as `owner/name@ref` -> folder. `environ` contains environment variables of every
    step, and `variables` the context `vars`.
    """

    event: Event
    workflow: str
    folder: Path
    scratch: Path
    home: Path
    token: str
    actions: Mapping[str, Path]
    environ: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """The command line of act."""
        options = [
            *("--workflows", self.workflow, "--eventpath", str(self.scratch / "event.json")),
            *("--actor", self.event.actor, "--secret", f"GITHUB_TOKEN={self.token}"),
            *("--platform", f"{SELF_HOSTED}=-self-hosted"),
            *("--json", "--no-skip-checkout", "--no-cache-server"),
        ]
        for name, folder in self.actions.items():
            options += ["--local-repository", f"{name}={folder}"]
        for name, value in {**self.environ, **HOOKED}.items():
            options += ["--env", f"{name}={value}"]
        for name, value in self.variables.items():
            options += ["--var", f"{name}={value}"]
        python = [sys.executable, "-I", "-S", "-c", HEEDING_HANGUPS]
        return [*python, str(BIN / "act"), self.event.name, *options]

    def environment(self) -> dict[str, str]:
        """The environment variables of act and of the steps. Of this process, only PATH is passed
        on.

        Steps find this Python with its packages, so that the setup of Python downloads nothing. uv
        cannot reach an index, so that no run changes the packages that all runs share.
        """
        return {
            "PATH": os.pathsep.join((str(BIN), os.environ["PATH"], str(UV))),
            "HOME": str(self.home),
            "TMPDIR": str(self.scratch / "tmp"),
            "LANG": "C.UTF-8",
            "UV_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@contextmanager
def places(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the folder of a run under a name without blanks and quotes, and a home for act.

    act puts the names of its files into command lines without quoting them. A job copies the whole
    repository into the home four times, so it is in memory if the machine has a file system there.
    """
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=_parent()) as made:
        link, home = Path(made, "run"), Path(made, "home")
        link.symlink_to(folder)
        home.mkdir()
        yield link, home


def remove_places_of_the_dead() -> None:
    """Remove the files of runs whose process was killed."""
    for left in Path(_parent()).glob(f"{PREFIX}*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _parent() -> str:
    return str(MEMORY) if os.access(MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        return True
    return True


def start(task: Task) -> subprocess.Popen[str]:
    """Start act in a process group, which `stop` can end."""
    (task.scratch / "tmp").mkdir(parents=True, exist_ok=True)
    payload = json.dumps(task.event.payload)
    (task.scratch / "event.json").write_text(payload, encoding="utf-8")
    return subprocess.Popen(
        task.command(),
        cwd=task.folder,
        env=task.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def follow(process: subprocess.Popen[str], receive: Callable[[Mapping[str, Any]], None]) -> int:
    """Pass on each line that act prints, and return its exit code."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    for line in process.stdout:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"msg": line}
        receive(entry)
    return process.wait()


def cancel(process: subprocess.Popen[str]) -> None:
    """End the steps that run as GitHub's runner does, and let act run those with `always()`.

    A step's process gets SIGINT, SIGTERM after 7.5 seconds, and is killed after another 2.5; five
    minutes later everything is. act, which would kill it at once, is stopped in between.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation
    """
    try:
        os.kill(process.pid, signal.SIGSTOP)
        _end_steps(process, _children(process.pid))
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        process.wait(CANCELLATION_SECONDS)
    except ProcessLookupError:  # it has ended
        return
    except (FileNotFoundError, subprocess.TimeoutExpired):  # there is no ps, or no end
        stop(process)


def cancel_job(process: subprocess.Popen[str], token: str) -> None:
    """End the step of one job as `cancel` does, and let act run those of its steps with `always()`.

    The steps of the job have its token in their environment; a system without /proc does not show
    it, and the step ends by itself. The job fails for act, so that its steps with `failure()` run,
    and those with `cancelled()` do not.
    """
    with suppress(FileNotFoundError):  # there is no ps
        _end_steps(process, _await(lambda: _steps(process, token) or None, STEP_SECONDS) or [])


def _end_steps(process: subprocess.Popen[str], steps: Sequence[int]) -> None:
    for number, seconds in CANCELLATION:
        for step in _running(process, steps):
            with suppress(ProcessLookupError):
                os.kill(step, number)
        _await(lambda: not _running(process, steps) or None, seconds)
    for step in steps:  # what the steps have started
        with suppress(ProcessLookupError):
            os.killpg(step, signal.SIGKILL)


def _running(process: subprocess.Popen[str], steps: Sequence[int]) -> list[int]:
    return [child for child in _children(process.pid) if child in steps]


def _steps(process: subprocess.Popen[str], token: str) -> list[int]:
    """Return the processes of act that have the token of a job in their environment."""
    return [child for child in _children(process.pid) if token.encode() in _environment(child)]


def _environment(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/environ").read_bytes()
    except OSError:  # it has ended, or this system does not show it
        return b""


def _await(attempt: Callable[[], T | None], limit: float) -> T | None:
    return poll(attempt, clock=time.monotonic, sleep=time.sleep, limit=limit, pauses=(PAUSE,))


def _children(parent: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    found = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, of, state in found if int(of) == parent and state[0] != "Z"]


def stop(process: subprocess.Popen[str]) -> None:
    """End act and all processes that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
