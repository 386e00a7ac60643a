"""The emulator's process."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from local.waiting import PATIENCE
from tests.emulator.conftest import PYTHON, ROOT
from tests.waiting import eventually

STARTER = """
import subprocess, sys, time
subprocess.Popen(sys.argv[2:], start_new_session=True)
time.sleep(float(sys.argv[1]))
"""


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_emulator_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Where the process that started it is killed, the emulator does not stay behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    serve = [str(PYTHON), str(ROOT / "local/aws/serve.py"), "--port", str(port)]
    serve += ["--git-root", str(tmp_path), "--state", str(tmp_path / "state")]
    serve += ["--log", str(tmp_path / "log")]
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(PATIENCE), *serve], cwd=ROOT)
    try:
        eventually(lambda: answers(port))
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    eventually(lambda: not answers(port))
