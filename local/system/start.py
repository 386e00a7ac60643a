"""Starts the programs of a local system, and stops them."""

import logging
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import standins
from local.github import repositories
from local.parts import PartError, end
from local.system import (
    AUTOMATION,
    EMULATOR_LOG,
    EMULATOR_PART,
    FRONTEND,
    ROOT,
    STANDINS_LOG,
    System,
    attach,
    client,
    listens,
)
from local.waiting import PATIENCE, until
from local.workflows.runner import Settings
from phaseline.errors import ConfigurationError

EMULATOR = ROOT / ".phaseline/emulator/bin/python"


@contextmanager
def running(folder: Path, *, workflows: bool = False) -> Iterator[System]:
    """Start the emulator and the stand-ins, with nothing deployed, and stop them at the end.

    `folder` is emptied first, so each start is the first start of an empty account. With
    `workflows`, GitHub contains this repository as it is on disk, and runs its workflows.

    Raises RefusedError if another process runs a system in the folder.
    """
    with (
        attach.locked(folder),
        _emulator(folder) as (emulator, endpoint),
        _logged(folder / STANDINS_LOG),
    ):
        repositories.ensure(
            folder / "git",
            FRONTEND,
            folder=ROOT / "examples/frontend",
            push_url=f"{endpoint}/_phaseline/push",
        )
        # On this machine, no change takes longer than a few seconds to arrive.
        environ = {"AWS_ENDPOINT_URL": endpoint, "PHASELINE_SETTLE": "3"}
        settings = Settings(folder / "git", folder / "runs", environ)
        started = standins.start(
            cloudfront=client(endpoint, "cloudfront"),
            endpoint=endpoint,
            workflows=settings if workflows else None,
        )
        try:
            if workflows:
                push_url = f"{started.github_url}/_phaseline/push"
                repositories.ensure(folder / "git", AUTOMATION, folder=ROOT, push_url=push_url)
            addresses = (started.github_url, started.slack_url, started.edge_url)
            system = System(folder, endpoint, *addresses, emulator=emulator)
            attach.save(system)
            yield system
        finally:
            started.stop()
            attach.forget(folder)


@contextmanager
def _emulator(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the emulator. Yield its process and its address.

    Raises PartError if it ends before the code inside.
    """
    if not EMULATOR.exists():
        raise ConfigurationError(str(EMULATOR), "it does not exist", "Run `make setup`.")
    log = folder / EMULATOR_LOG
    # The emulator gets the bound socket, so that no other process can take the port meanwhile.
    with socket.socket() as listener, log.open("wb") as output:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        command = [str(EMULATOR), str(ROOT / "local/aws/serve.py")]
        command += ["--socket", str(listener.fileno()), "--git-root", str(folder / "git")]
        # The emulator of a demo that was killed may still remove its own files.
        command += ["--state", str(folder / f"state-{port}")]
        # A separate process group: Ctrl-C must not end the emulator before the other parts.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[listener.fileno()],
        )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _is_up(endpoint, process), what=f"{EMULATOR_PART}, whose log is {log}")
        yield process, endpoint
    except BaseException as error:
        if process.poll() is not None:
            raise PartError(EMULATOR_PART, f"it {end(process.returncode)}", log) from error
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Write the log messages of the stand-ins to a file instead of the terminal."""
    handler = logging.FileHandler(file, encoding="utf-8")
    loggers = [logging.getLogger(name) for name in ("local", "werkzeug")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _is_up(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process listens. Raises ChildProcessError if the process has ended."""
    if process.poll() is not None:
        raise ChildProcessError
    return listens(url)
