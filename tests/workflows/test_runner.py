"""The runner itself: what becomes of a run when act is killed or can't be started, and where it may
be."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import github
from local.github.hub import Hub
from local.serving import serve
from local.workflows import act
from local.workflows.runner import Runner, Settings
from tests.waiting import eventually, is_alive
from tests.workflows.conftest import NAME, GitHub

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
WORKFLOW = f"""\
on: push
permissions: {{}}
jobs:
  work:
    runs-on: ubuntu-24.04
    environment: production
    steps:
      - uses: {CHECKOUT}
      - shell: python
        run: print("from Python")
      - run: STEP
"""


def pushed(hub: GitHub, folder: Path, step: str) -> dict[str, Any]:
    """Push a workflow with this last step; its run at its end."""
    hub.add(NAME, {".github/workflows/work.yml": WORKFLOW.replace("STEP", step)}, folder)
    hub.push({"text.txt": "text\n"})
    return hub.run()


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], ids=["in a terminal", "under nohup"])
def _hangup(request: pytest.FixtureRequest) -> Iterator[None]:
    """SIGHUP as programs find it that are started here."""
    before = signal.signal(signal.SIGHUP, request.param)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_hangup")
def test_killed_runner_fails_its_run(
    hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run failed, and annotation and log say that act was ended and how far it was; its
    deployment is an error, and what the job did has ended with it."""
    marks = tmp_path / "step.pid"
    started: list[int] = []
    start = act.start

    def noticed(task: act.Task) -> Any:
        process = start(task)
        started.append(process.pid)
        return process

    monkeypatch.setattr(act, "start", noticed)

    def kill() -> None:
        eventually(lambda: marks.exists() and marks.read_text())
        os.kill(started[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run = pushed(hub, tmp_path / "files", f"echo $$ > {shlex.quote(str(marks))}; sleep 1000")
    killer.join()

    assert run["conclusion"] == "failure"
    (note,) = run["annotations"]
    assert note["message"].startswith("The runner (act) was ended by signal 9 before its jobs had")
    assert "sleep 1000" in note["message"]
    assert note["message"] in Path(run["log"]).read_text()
    deployed = hub.api("/deployments").json()[0]["id"]
    assert hub.api(f"/deployments/{deployed}/statuses").json()[0]["state"] == "error"
    eventually(lambda: not is_alive(int(marks.read_text())))


def test_missing_runner_fails_the_run(
    hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that can't be started ends, and says why."""
    monkeypatch.setattr(act, "BIN", tmp_path / "nowhere")
    run = pushed(hub, tmp_path / "files", "true")
    assert run["conclusion"] == "failure"
    (note,) = run["annotations"]
    assert str(tmp_path / "nowhere/act") in note["message"]
    assert note["message"] in Path(run["log"]).read_text()


def test_folder_may_have_any_name(tmp_path: Path) -> None:
    """Blanks, quotes and umlauts in the names of folders do a run no harm."""
    odd = tmp_path / "it's an Ümlaut folder"
    hub = Hub(token="right", repositories=(NAME,))
    runner = Runner(hub, Settings(odd / "git", odd / "runs", {}))
    server = serve(github.serving(hub, runner))
    runner.url = server.url
    try:
        run = pushed(GitHub(server.url, odd / "git"), odd / "files", "cat text.txt; exit 0")
    finally:
        runner.stop()
        server.stop()
    log = Path(run["log"]).read_text()
    assert run["conclusion"] == "success", log
    assert "work: from Python\n" in log
    assert "work: text\n" in log


def test_next_runner_removes_files_of_killed_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next runner removes the places of processes that are gone, and of no others."""
    monkeypatch.setattr(act, "MEMORY", tmp_path)
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, alive = (tmp_path / f"{act.PREFIX}{pid}-x" for pid in (ended.pid, os.getpid()))
    for place in (dead, alive):
        place.mkdir()
    Runner(Hub(token="right", repositories=(NAME,)), Settings(tmp_path, tmp_path, {}))
    assert [place.exists() for place in (dead, alive)] == [False, True]
