"""How the demo ends where it can't go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.demo import demo
from local.parts import PartError
from local.system import start
from phaseline.errors import RefusedError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What the start of the system raises."""
    errors: list[BaseException] = []

    @contextmanager
    def running(folder: Path, *, workflows: bool) -> Iterator[None]:
        folder.mkdir()
        raise errors[0]
        yield

    monkeypatch.setattr(start, "running", running)
    return errors


@pytest.mark.parametrize("ci", [True, False])
def test_stopped_demo_fails_and_restores_signals(
    failing: list[BaseException], tmp_path: Path, ci: bool
) -> None:
    """A demo that was stopped before its release has not ended well; signals are as before."""
    before = [signal.getsignal(one) for one in SIGNALS]
    failing.append(KeyboardInterrupt())
    assert demo.run(ci=ci, folder=tmp_path / "demo") == demo.STOPPED != 0
    assert [signal.getsignal(one) for one in SIGNALS] == before


def test_unexpected_error_is_one_line_with_a_log(
    failing: list[BaseException], tmp_path: Path
) -> None:
    """It is one line, and a log has the rest."""
    failing.append(LookupError("no such stack"))
    with pytest.raises(PartError) as error:
        demo.run(ci=True, folder=tmp_path / "demo")
    log = tmp_path / "demo/demo.log"
    assert str(error.value) == (
        "the demo: it failed unexpectedly;"
        f' it said last "LookupError: no such stack". Its log is {log}'
    )
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_refusal_is_shown_as_it_is(failing: list[BaseException], tmp_path: Path) -> None:
    """A refusal is told as it is."""
    failing.append(RefusedError("here", "a system runs already", "Stop it."))
    with pytest.raises(RefusedError, match="a system runs already"):
        demo.run(ci=True, folder=tmp_path / "demo")
    assert not (tmp_path / "demo/demo.log").exists()
