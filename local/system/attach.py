"""Attaches a process to the system that another process runs in a folder.

The process that runs a system holds a lock beside its folder, and writes the addresses to the file
`system.json` in the folder.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.system import System
from phaseline.errors import ConfigurationError, RefusedError

START = "Start one with `make demo`."
ADDRESSES = "system.json"


def attach(folder: Path) -> System:
    """Return the system that another process runs in `folder`.

    Raises ConfigurationError if no system runs there, and PartError if a part of it has ended.
    """
    system = _read(folder)
    if system.folder.resolve() != folder.resolve():
        found = f"it describes the system of another checkout, in {system.folder}"
        raise ConfigurationError(str(folder / ADDRESSES), found, START)
    if not _is_locked(folder):
        raise ConfigurationError(str(folder), "the system that ran here was killed", START)
    system.check()
    return system


def save(system: System) -> None:
    """Write the file with which other processes attach.

    The file is replaced as a whole, so that no process reads a part of it.
    """
    values = {name: value for name, value in vars(system).items() if name != "emulator"}
    unfinished = system.folder / "system.part"
    unfinished.write_text(json.dumps(values | {"folder": str(system.folder)}), encoding="utf-8")
    unfinished.replace(system.folder / ADDRESSES)


def forget(folder: Path) -> None:
    """Remove the file with which other processes attach."""
    (folder / ADDRESSES).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder, and empty it. Raises RefusedError if another process has locked it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                str(folder), "a system runs here already", "Stop it with Ctrl-C in its terminal."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "git").mkdir(parents=True)
        yield


def _read(folder: Path) -> System:
    """Return the system that the file in the folder describes. Raises ConfigurationError."""
    try:
        values = json.loads((folder / ADDRESSES).read_text(encoding="utf-8"))
        return System(**values | {"folder": Path(values["folder"])})
    except FileNotFoundError as error:
        if _is_locked(folder):
            found, remedy = "the system here is starting or stopping", "Try again in a moment."
        else:
            found, remedy = "no system runs here", START
        raise ConfigurationError(str(folder), found, remedy) from error
    except (KeyError, TypeError, ValueError) as error:
        found = "another version of Phaseline has written it"
        remedy = f"Stop that system if it runs. {START}"
        raise ConfigurationError(str(folder / ADDRESSES), found, remedy) from error


def _lock(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _is_locked(folder: Path) -> bool:
    """Return whether a process runs a system in the folder.

    The kernel releases the lock of a process that was killed.
    """
    try:
        with _lock(folder).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
