"""Shows the progress of releases and runs: as a table on a terminal, as plain lines elsewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.demo.watch import Step, Watch, together

STAGES = {"item", "listener", "execution", "verified"} | {
    *("Source", "Build", "Publish", "Announce", "Verify")
}
"""The steps that are shown for several releases, in addition to failed ones. The other steps happen
at the same time as one of these."""


def console() -> Console:
    """Return the console. It prints brackets and colons as they are."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def show_release(watch: Watch, out: Console) -> Step:
    """Show each step of a release when it happens, and return the last one."""
    rows: list[tuple[Step, float]] = []
    with _live(out) as live:
        for step in watch.steps():
            before = rows[-1][0].seconds if rows else 0.0
            rows.append((step, step.seconds - before))
            if live:
                live.update(_steps(rows), refresh=True)
            else:
                out.print(_line(*rows[-1]))
    return rows[-1][0]


def show_releases(watches: Sequence[Watch], out: Console) -> None:
    """Show the newest step of each of several releases, until all have ended."""
    newest: dict[str, tuple[Watch, Step]] = {}
    reached: set[tuple[str, str]] = set()
    with _live(out) as live:
        for watch, step in together(watches):
            newest[watch.algorithm] = watch, step
            stage = step.name.partition(".")[0]
            if live:
                live.update(_overview(newest.values()), refresh=True)
            elif step.failed or (stage in STAGES and (watch.algorithm, stage) not in reached):
                out.print(_entry(watch, step))
            reached.add((watch.algorithm, stage))


def show_run(run: Mapping[str, Any], out: Console) -> bool:
    """Print the result, the reason and the log of a workflow run. Return whether it succeeded."""
    went_well = bool(run["conclusion"] == "success")
    out.print(
        f"  {Path(run['workflow']).name}: {run['conclusion']}{reason(run)}; log {run['log']}",
        style="" if went_well else "red",
    )
    return went_well


def reason(run: Mapping[str, Any]) -> str:
    """Return the first annotation of a run as the reason for its failure, or nothing."""
    errors = (note["message"] for note in run["annotations"] if note["level"] == "error")
    return "".join(f": {' '.join(message.split())}" for message in list(errors)[:1])


@contextmanager
def _live(out: Console) -> Iterator[Live | None]:
    """Return a display that can be updated on a terminal, or None elsewhere."""
    if not out.is_terminal:
        yield None
        return
    with Live(console=out, auto_refresh=False) as live:
        yield live


def _line(step: Step, took: float) -> str:
    return f"{step.seconds:6.2f} s  (+{took:.2f})  {step.name:<20} {_told(step)}"


def _entry(watch: Watch, step: Step) -> str:
    version = f"{watch.algorithm} {watch.version}"
    return f"{step.seconds:6.2f} s  {watch.type:<4}{version:<24} {step.name:<20} {_told(step)}"


def _told(step: Step) -> str:
    return f"FAILED {step.detail}" if step.failed else step.detail


def _steps(rows: Iterable[tuple[Step, float]]) -> Table:
    table = Table("step", "at", "took", "what", box=None, pad_edge=False)
    for step, took in rows:
        times = (f"{step.seconds:.2f} s", f"{took:.2f} s")
        table.add_row(step.name, *times, step.detail, style=_style(step))
    return table


def _overview(newest: Iterable[tuple[Watch, Step]]) -> Table:
    table = Table("type", "algorithm", "version", "at", "step", "what", box=None, pad_edge=False)
    for watch, step in newest:
        about = (watch.type, watch.algorithm, watch.version, f"{step.seconds:.2f} s")
        table.add_row(*about, step.name, step.detail, style=_style(step))
    return table


def _style(step: Step) -> str:
    return "red" if step.failed else ""
