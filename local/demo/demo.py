"""`make demo`: starts the whole system, shows a release, and keeps running."""

import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from local import automation
from local.demo import display
from local.demo.watch import Watch
from local.parts import PartError
from local.system import ENVIRONMENT, ROOT, System, deployment, start, table, website
from phaseline.errors import DeploymentError, PhaselineError

FOLDER = ROOT / ".phaseline/demo"
COMPLETE, RUNNING = "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_RUNNING"
FOLLOWS = "GitHub Actions, started by the listener, follows and proves it:"
STOPPED = 130
"""The exit code of a demo that was stopped before its release, as a shell reports Ctrl-C."""
Algorithm = tuple[str, str, str, str, str]
"""Type, name, version, title, summary."""
ALGORITHMS: tuple[Algorithm, ...] = (
    ("in", "address-cleaner", "3.4.1", "Address cleaner", "Repairs and completes addresses."),
    ("opt", "route-planner", "2.0.3", "Route planner", "Plans a day's stops for each vehicle."),
    ("out", "delivery-forecast", "1.8.0", "Delivery forecast", "Says when a parcel arrives."),
)
NEXT: Algorithm = (
    "opt",
    "route-planner",
    "2.1.0",
    "Route planner",
    "Plans stops around live traffic.",
)
BROKEN_BUILD = """\
version: 0.2
phases:
  build:
    commands:
      - echo "this build always fails" >&2
      - exit 1
artifacts:
  base-directory: dist
  files: ["**/*"]
"""


def run(*, ci: bool, folder: Path = FOLDER) -> int:
    """Start and deploy a system, release a version, and run until Ctrl-C or, with `ci`, end then.

    Returns the exit code: 0 if the website serves the promoted version, 4 if it does not, and 130
    if the demo was stopped earlier. Raises PhaselineError if a part of the system fails.
    """
    out = display.console()
    released = False
    out.print("Starting the local system: AWS emulator, GitHub, Slack, the edge...")
    try:
        with (
            _interruptible(),
            _one_line(folder / "demo.log"),
            start.running(folder, workflows=True) as system,
            _noticing(system),
        ):
            released = _deploy(system, out) and _seed(system, out) and promote(system, NEXT, out)
            if ci or not released:
                return 0 if released else DeploymentError.exit_code
            _explain(system, out)
            threading.Event().wait()
    except KeyboardInterrupt:
        out.print("\nStopped.")
    return 0 if released else STOPPED


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (a closed terminal) end the demo as Ctrl-C does."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # A signal that the parent process ignores, as nohup does, stays ignored.
    before = {name: signal.getsignal(name) for name in names}
    ours = [name for name, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(*_: object) -> None:
        for name in ours:  # a closed terminal sends several signals while the system stops
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    for name in ours:
        signal.signal(name, interrupt)
    try:
        yield
    finally:
        for name in ours:
            signal.signal(name, before[name])


@contextmanager
def _noticing(system: System) -> Iterator[None]:
    """Interrupt the demo when the emulator ends. `running` then reports the reason."""

    def look(*_: object) -> None:
        if system.emulator and system.emulator.poll() is not None:
            signal.signal(signal.SIGCHLD, before)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGCHLD, look)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


@contextmanager
def _one_line(log: Path) -> Iterator[None]:
    """Write unexpected errors to a log, and report them on one line. Raises PartError."""
    try:
        yield
    except PhaselineError:
        raise
    except Exception as error:
        log.write_text(traceback.format_exc(), encoding="utf-8")
        raise PartError("the demo", "it failed unexpectedly", log) from error


def _deploy(system: System, out: Console) -> bool:
    """Deploy the roles, and the rest by a push to GitHub. Return whether it succeeded."""
    out.print("Deploying the roles for the workflows, and pushing the parameters to GitHub...")
    automation.trust(system)
    automation.push_parameters(system)
    for job, result in automation.jobs_as_they_end(system, "deploy.yml"):
        out.print(f"  {job}: {result}")
    went_well = display.show_run(automation.ended(system, "deploy.yml"), out)
    deployment.follow_stacks(system)
    return went_well


def _seed(system: System, out: Console) -> bool:
    """Release a first version of each type. Return whether all are served."""
    out.print("\nFirst versions, one of each type:\n")
    watches = [Watch(system, *algorithm[:3]) for algorithm in ALGORITHMS]
    for algorithm in ALGORITHMS:
        _write(system, algorithm, COMPLETE)
    display.show_releases(watches, out)
    out.print(f"\n{FOLLOWS}")
    runs = [automation.following(system, watch.release_id) for watch in watches]
    proved = [display.show_run(run, out) for run in runs]
    _show_served(system, out)
    arrived = [_arrived(*pair, out) for pair in zip(watches, proved, strict=True)]
    return all(arrived)


def promote(system: System, algorithm: Algorithm, out: Console) -> bool:
    """Change a phase and follow the release. Return whether website and workflow succeeded.

    If the execution fails, the workflow that follows the release may start another one. So the
    website is checked when both have ended.
    """
    type_, name, version = algorithm[:3]
    _write(system, algorithm, RUNNING)
    out.print(f"\nNow the phase of {name} {version} becomes {COMPLETE}:\n")
    watch = Watch(system, type_, name, version)
    table.set_phase(system, name, version, COMPLETE)
    last = display.show_release(watch, out)
    if last.name == "hold":
        out.print(f"\n{name} {version}: {last.detail}.", style="bold red")
        out.print(f'Resume it in the shell: phaseline resume {type_}/{name} --reason "..."')
        return False
    out.print(f"\n{FOLLOWS}")
    run = automation.following(system, watch.release_id)
    proved = display.show_run(run, out)
    if run["summary"]:
        out.print(f"\n{run['summary'].strip()}")
    _show_served(system, out)
    return _arrived(watch, proved, out)


def _arrived(watch: Watch, proved: bool, out: Console) -> bool:
    """Print whether the website serves a version and its workflow run succeeded. Return both."""
    served = website.versions(watch.system, watch.type).get(watch.algorithm)
    text, style = f"{watch.algorithm} {watch.version} is live", "bold red"
    if served != watch.version:
        text = f"The website serves {watch.algorithm} {served}, not {watch.version}"
    elif not proved:
        text += ", but the workflow run that follows it failed"
    else:
        style = "bold green"
        if "edge" in watch.seen:
            text += f", {watch.seen['edge'].seconds:.1f} s after its item changed"
    out.print(f"{text}.", style=style)
    return proved and served == watch.version


def _write(system: System, algorithm: Algorithm, phase: str) -> None:
    type_, name, version, title, summary = algorithm
    table.write_algorithm(
        system, name, version, type_=type_, phase=phase, title=title, summary=summary
    )


def _show_served(system: System, out: Console) -> None:
    out.print(f"\nThe website at {system.edge_url} serves:")
    for type_ in ("in", "opt", "out"):
        for algorithm, version in website.versions(system, type_).items():
            out.print(f"  {type_:<4}{algorithm} {version}")
    out.print()


def _explain(system: System, out: Console) -> None:
    local, subject = ".venv/bin/python -m local", f"{NEXT[0]}/{NEXT[1]}"
    out.print(
        f"""
The system stays up; its website is {system.edge_url}. In another terminal, in {ROOT}:

  {local} shell   opens a shell in which phaseline, gh and aws use this system

In that shell, in any order (docs/operations.md has more, and each line of it works):

  phaseline status                    what is live, and what waits
  phaseline board                     the same as pages that update by themselves
  phaseline history {subject}
  phaseline rollback {subject} --reason "Slower than before"
  phaseline resume {subject} --reason "It is corrected"
  gh workflow run drift.yml --field environment={ENVIRONMENT}
  aws dynamodb scan --table-name {system.table}

What the test system, a developer and Slack do, in any terminal:

  {local} promote out delivery-forecast 1.9.0
  {local} promote {NEXT[0]} {NEXT[1]} 2.2.0
  {local} phase {NEXT[1]} {NEXT[2]} REJECTED
  {local} break-build   (then mend-build)
  {local} slack         prints the channel
  {local} runs          lists the workflow runs and their logs

Ctrl-C stops it; `make clean` removes what it made."""
    )
