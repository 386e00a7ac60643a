"""A real process that gets real signals: it cleans up, says so, and exits as a shell expects."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.waiting import PATIENCE

ROOT = Path(__file__).parents[4]
COMMAND = """
import threading
from concurrent.futures import ThreadPoolExecutor, wait
import click
from scripts.cli import failures
from scripts.cli.console import Console
from scripts.cli.interruption import process

barrier = threading.Barrier(3)

def work(number):
    try:
        barrier.wait()
        process.sleep(600)
    except BaseException as interruption:
        process.sleep(0.01)  # cleaning up may wait
        print("cleaned up", flush=True)
        interruption.add_note(f"stack {number} continues")
        raise

@click.command()
def command():
    shown = Console(total=2)
    with shown.step("Prepare"):
        pass
    with shown.step("Deploy"), ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work, number) for number in "12"]
        barrier.wait()
        print("ready", flush=True)
        # A signal that arrives just before an endless wait for a lock is handled after that wait.
        while wait(jobs, 0.1).not_done:
            pass
        [job.result() for job in jobs]

failures.run(command)
"""


def started(tmp_path: Path) -> subprocess.Popen[str]:
    """Start a command on a machine of GitHub Actions, and wait until both of its threads run."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=ROOT,
        env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM,) * 2])
def test_interrupted_command_cleans_up_and_says_so(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    """Each thread is interrupted once, a second signal to end does not stop the cleaning up, and
    the error has the step, what was done and what continues."""
    process = started(tmp_path)
    for number in signals:
        process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + signals[0]
    assert out == "cleaned up\n" * 2
    assert "[2/2] Deploy: interrupted after" in err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert f"interrupted by {signals[0].name}; stack" in line
    assert all(f"; stack {number} continues; " in line for number in "12")
    assert '; in the step "Deploy", after "Prepare". Run the command again' in line
    assert "::error title=Interruption error::" in err
    assert "stack 1 continues" in (tmp_path / "summary").read_text()
