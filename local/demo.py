"""`make demo`: the whole system, a real release, and then it is yours to play with."""

import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import automation
from local import system as local_system
from local.system import ENVIRONMENT, ROOT, System
from local.watch import Step, Watch
from phaseline.errors import DeploymentError

TESTED = "on-version-tested.yml"
FOLDER = ROOT / ".phaseline/demo"
COMPLETE, RUNNING = "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_RUNNING"
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
      - echo "the build was told to fail" >&2
      - exit 1
artifacts:
  base-directory: dist
  files: ["**/*"]
"""


def run(*, ci: bool, folder: Path = FOLDER) -> int:
    """Start, deploy, release, and stay up until Ctrl-C; with `ci` end after the release.

    Returns the exit code: 0 where the website serves the promoted version, 4 where it does not.
    """
    out = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    out.print("Starting the local system: AWS emulator, GitHub, Slack, the edge...")
    try:
        with local_system.running(folder, workflows=True) as system:
            released = _deploy(system, out) and _seed(system, out) and promote(system, NEXT, out)
            if ci or not released:
                return 0 if released else DeploymentError.exit_code
            _explain(system, out)
            threading.Event().wait()
    except KeyboardInterrupt:
        out.print("\nStopped.")
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _deploy(system: System, out: Console) -> bool:
    """Deploy as on GitHub, the roles by hand and all else by a push; whether it went well."""
    out.print("Deploying the roles for the workflows, and pushing the parameters to GitHub...")
    automation.trust(system)
    automation.push_parameters(system)
    went_well = _show_run(automation.ended(system, "deploy.yml"), out)
    system.follow_stacks()
    return went_well


def _seed(system: System, out: Console) -> bool:
    """Bring a first version of each type to the website; whether all arrived."""
    out.print("\nFirst versions, one of each type:")
    known = automation.newest_run(system)
    watches = [Watch(system, *algorithm[:3]) for algorithm in ALGORITHMS]
    for algorithm in ALGORITHMS:
        _write(system, algorithm, COMPLETE)
    arrived = True
    for watch in watches:
        *_, last = watch.steps()
        arrived = arrived and not last.failed
        how = f"{last.name} FAILED: {last.detail}" if last.failed else "live"
        out.print(
            f"  {watch.type:<4}{watch.algorithm} {watch.version}: {how} after {last.seconds:.1f} s",
            soft_wrap=True,
        )
    _show_served(system, out)
    for run in automation.all_ended(system, TESTED, len(watches), after=known):
        arrived = _show_run(run, out) and arrived
    return arrived


def promote(system: System, algorithm: Algorithm, out: Console) -> bool:
    """Change a phase and follow the release; whether website and workflow say it arrived."""
    type_, name, version = algorithm[:3]
    _write(system, algorithm, RUNNING)
    out.print(f"\nNow the phase of {name} {version} becomes {COMPLETE}:\n")
    known = automation.newest_run(system)
    watch = Watch(system, type_, name, version)
    system.set_phase(name, version, COMPLETE)
    last = _show(watch.steps(), out)
    served = system.served_versions(type_).get(name)
    _show_served(system, out)
    out.print(
        f"\n{name} {version} is live, {last.seconds:.1f} s after its item changed."
        if served == version
        else f"\nThe website serves {name} {served}, not {version}.",
        style="bold green" if served == version else "bold red",
    )
    out.print("\nGitHub Actions, started by the listener, follows and proves it:")
    run = automation.ended(system, TESTED, after=known)
    went_well = _show_run(run, out)
    out.print(f"\n{run['summary'].strip()}", markup=False, soft_wrap=True)
    return went_well and served == version


def _show_run(run: Mapping[str, Any], out: Console) -> bool:
    """Say how a workflow's run ended and where its log is; whether it ended well."""
    went_well = bool(run["conclusion"] == "success")
    out.print(
        f"  {Path(run['workflow']).name}: {run['conclusion']}; log {run['log']}",
        style="" if went_well else "red",
        soft_wrap=True,
    )
    return went_well


def _write(system: System, algorithm: Algorithm, phase: str) -> None:
    type_, name, version, title, summary = algorithm
    system.write_algorithm(name, version, type_=type_, phase=phase, title=title, summary=summary)


def _show_served(system: System, out: Console) -> None:
    out.print(f"\nThe website at {system.edge_url} serves:")
    for type_ in ("in", "opt", "out"):
        for algorithm, version in system.served_versions(type_).items():
            out.print(f"  {type_:<4}{algorithm} {version}")


def _show(steps: Iterator[Step], out: Console) -> Step:
    """Show each step as it happens, and return the last one.

    On a terminal a table that grows, elsewhere one plain line for each step.
    """
    previous = last = next(steps)
    rows = [(last, 0.0)]
    live = Live(_table(rows), console=out, auto_refresh=False) if out.is_terminal else None
    if live:
        live.start()
    else:
        out.print(_line(last, 0.0), soft_wrap=True)
    for last in steps:
        rows.append((last, last.seconds - previous.seconds))
        previous = last
        if live:
            live.update(_table(rows), refresh=True)
        else:
            out.print(_line(*rows[-1]), soft_wrap=True)
    if live:
        live.stop()
    return last


def _line(step: Step, took: float) -> str:
    mark = "FAILED " if step.failed else ""
    return f"{step.seconds:6.2f} s  (+{took:.2f})  {step.name:<20} {mark}{step.detail}"


def _table(rows: list[tuple[Step, float]]) -> Table:
    table = Table("step", "at", "took", "what", box=None, pad_edge=False)
    for step, took in rows:
        style = "red" if step.failed else ""
        table.add_row(step.name, f"{step.seconds:.2f} s", f"{took:.2f} s", step.detail, style=style)
    return table


def _explain(system: System, out: Console) -> None:
    table = system.outputs["registry"]["AlgorithmsTableName"]
    variables = " ".join(
        f"{name}={system.environ[name]}" for name in (*local_system.CREDENTIALS, "AWS_ENDPOINT_URL")
    )
    python = ".venv/bin/python"
    # Not wrapped: a line break within a command can't be pasted.
    out.print(
        f"""
The system stays up. In another terminal, in {ROOT}:

  Look        {system.edge_url}
  Promote     {python} -m local promote out delivery-forecast 1.9.0
  Withdraw    {python} -m local phase {NEXT[1]} {NEXT[2]} REJECTED
  Break it    {python} -m local break-build   (then: mend-build)
  Slack       {python} -m local slack
  Roll back   {python} -m local workflow promote.yml action=rollback type={NEXT[0]} \\
                algorithm={NEXT[1]} reason="Slower than before"
  Drift       {python} -m local workflow drift.yml   (repair=true mends what is safe)
  Runs        {python} -m local runs
  AWS         {variables}
              (any AWS tool; the algorithms table is {table})
  Explain     the same, then {python} -m scripts history --environment {ENVIRONMENT}
              (or status, diff, dora; --help tells more)

Ctrl-C stops it; `make clean` removes what it made.""",
        soft_wrap=True,
    )
