"""Makes the virtual environments, from locked lists of packages, and locks the lists.

    python requirements/environments.py install .venv requirements/local.txt
    python requirements/environments.py program .venv
    python requirements/environments.py versions requirements/dev.txt -m pytest tests/unit
    python requirements/environments.py lock

`install` makes the environment with the Python that runs this, unless it is there, and adds the
packages, each held against its hash. `program` adds the program `phaseline`, which runs the
commands of this checkout in any folder. `versions` runs a command with each supported Python that
the machine has, in an environment of its own. All use the `uv` on the PATH; where there is none,
pip puts a locked one into .phaseline/uv. Standard library only: it runs before anything is
installed.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = ROOT / "requirements"
OWN_UV = ROOT / ".phaseline/uv"
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
PROGRAM = """\
#!/bin/sh
''':'
exec {python} "$0" "$@"
'''
import sys

sys.path[0] = {root!r}
from scripts.__main__ import run

run()
"""
# In this order: each list keeps to the versions of the ones before it.
LOCKED = {
    "uv.in": "requirements/uv.txt",
    "scripts.in": "requirements.txt",
    "local.in": "requirements/local.txt",
    "dev.in": "requirements/dev.txt",
    "emulator.in": "requirements/emulator.txt",
    "benchmarks.in": "requirements/benchmarks.txt",
    "audit.in": "requirements/audit.txt",
    "node.in": "requirements/node.txt",
}


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    match arguments:
        case ["install", environment, packages]:
            return install(Path(environment), Path(packages))
        case ["program", environment]:
            return add_program(Path(environment))
        case ["versions", packages, *command]:
            return versions(Path(packages), command)
        case ["lock"]:
            return lock()
    print(__doc__, file=sys.stderr)
    return 2


def install(environment: Path, packages: Path, base: str = sys.executable) -> int:
    """Add a locked list's packages to an environment, which is made with the Python `base` unless
    it is there, and say how long it took."""
    began = time.monotonic()
    count = sum("==" in line for line in packages.read_text("utf-8").splitlines())
    print(f"Installing {count} packages of {packages} into {environment}...", flush=True)
    uv = find_uv()
    # uv shows its progress on a terminal; a log would get a line for each package.
    told = [] if sys.stderr.isatty() else ["--quiet"]
    python = environment / "bin/python"
    try:
        if not runs(python):
            made = [uv, "venv", "--quiet", "--clear", "--python", base, environment]
            subprocess.run(made, check=True)
        command = [uv, "pip", "install", *told, "--require-hashes", "--python", python]
        subprocess.run([*command, "--requirement", packages], check=True)
    except subprocess.CalledProcessError as error:
        print(f"error: {environment} is not complete; run it again.", file=sys.stderr)
        return error.returncode
    print(f"Installed into {environment} after {time.monotonic() - began:.1f} s.")
    return 0


def add_program(environment: Path, root: Path = ROOT) -> int:
    """Write the program `phaseline` of an environment, which runs the commands of a checkout.

    It begins like the scripts that pip writes: a shell runs the first lines, since the kernel takes
    no interpreter whose path is long or has blanks.
    """
    program = environment / "bin/phaseline"
    python = shlex.quote(str(root / environment / "bin/python"))
    program.write_text(PROGRAM.format(python=python, root=str(root)), "utf-8")
    program.chmod(0o755)
    return 0


def versions(packages: Path, command: list[str]) -> int:
    """Run a command of Python's with each version that is there; 1 if it failed with one."""
    found = {version: python for version in SUPPORTED if (python := find_python(version))}
    failed = []
    for version, python in found.items():
        environment = Path(".phaseline/python") / version
        print(f"Python {version} ({python})", flush=True)
        code = install(environment, packages, str(python))
        if code or subprocess.run([environment / "bin/python", *command]).returncode:
            failed.append(version)
    absent = [version for version in SUPPORTED if version not in found]
    print(f"passed with {', '.join(sorted(found.keys() - failed)) or 'none'}", end="")
    print(f"; failed with {', '.join(failed)}" if failed else "", end="")
    print(f"; not on this machine: {', '.join(absent)}" if absent else "")
    return 1 if failed or not found else 0


def find_python(version: str) -> Path | None:
    """An interpreter of a version: on the PATH, or where pyenv and uv keep theirs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    managed = Path.home() / ".local/share/uv/python"
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += [*pyenv.glob(f"{version}.*/bin"), *managed.glob(f"cpython-{version}.*/bin")]
    places = (folder / f"python{version}" for folder in folders)
    return next((place for place in places if runs(place)), None)


def runs(python: Path) -> bool:
    """Whether this interpreter works: one whose base was removed is there and does not."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def find_uv() -> str | Path:
    """The installer: the one on the PATH, or our own, put there by pip the first time."""
    if found := shutil.which("uv"):
        return found
    program = OWN_UV / "bin/uv"
    if not program.exists():
        pip = [sys.executable, "-m", "pip"]
        if importlib.util.find_spec("pip") is None:
            venv.create(OWN_UV / "pip", with_pip=True)
            pip = [str(OWN_UV / "pip/bin/python"), "-m", "pip"]
        fetched = [*pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        fetched += ["--root-user-action", "ignore", "--target", str(OWN_UV), "--upgrade"]
        subprocess.run([*fetched, "--requirement", LISTS / "uv.txt"], check=True)
    return program


def lock() -> int:
    """Write each list with the hashes of all its packages, for every Python that is supported."""
    uv = find_uv()
    constraints: list[str] = []
    for source, target in LOCKED.items():
        options = ["--universal", "--python-version", SUPPORTED[0], "--generate-hashes", "--quiet"]
        options += ["--custom-compile-command", "make lock", "--annotation-style", "line"]
        together = constraints if source in {"local.in", "dev.in"} else []
        command = [uv, "pip", "compile", *options, *together, f"requirements/{source}"]
        subprocess.run([*command, "--output-file", target], cwd=ROOT, check=True)
        constraints = ["--constraints", target]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
