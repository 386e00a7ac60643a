"""Shows the newest releases, the live versions at a time, or the steps of one release.

\b
Without one of these options, lists the newest releases:
  --at 2026-11-25T10:00:00Z    the versions that visitors were served at this time
  --since T1 --until T2        the changes that visitors saw, by whom and why
  --release ID                 each step of a release, with the slowest marked

A version is live from the time at which it was verified.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import chain, islice
from typing import Any

import click

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.documents import diff
from phaseline.documents.diff import Difference
from phaseline.documents.document import Document
from phaseline.errors import RefusedError
from phaseline.history import timeline
from phaseline.history.timeline import Timeline, TimelineStep
from phaseline.pipeline.recorder import Execution
from phaseline.releases.release import DOCUMENT, Release
from phaseline.site.live import Live
from phaseline.slack import message_record
from phaseline.slack.message_record import Posted
from scripts.cli import invocation
from scripts.cli.console import Console, duration, json_option
from scripts.cli.options import MOMENT, NAME, environment_option, type_option
from scripts.services import Services

LOOKBACK = timedelta(hours=1)
"""How long before its document was written the execution of a release may have started."""
Result = tuple[dict[str, Any], Iterable[str]]
"""A result: as --json prints it, and as lines for people."""


@click.command(name="history", help=__doc__)
@environment_option()
@type_option()
@click.option("--algorithm", type=NAME, help="Show only this algorithm.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Number of the newest releases to list.",
)
@click.option("--at", type=MOMENT, help="Show the versions that were live at this time.")
@click.option("--since", type=MOMENT, help="Show the changes since this time.")
@click.option(
    "--until", type=MOMENT, help="Show the changes until this time. Needs --since.  [default: now]"
)
@click.option("--release", "release_id", help="Show the steps of the release with this ID.")
@json_option
def command(
    environment: str,
    type_: str | None,
    algorithm: str | None,
    limit: int,
    at: str | None,
    since: str | None,
    until: str | None,
    release_id: str | None,
    as_json: bool,
) -> None:
    if sum(value is not None for value in (at, since, release_id)) > 1:
        raise click.UsageError("--at, --since and --release cannot be combined.")
    if until and not since:
        raise click.UsageError("--until needs --since.")
    if since and since > (until := until or invocation.now()):
        raise click.UsageError(f"--since {since} is after --until {until}.")
    services, types = Services(environment), (type_,) if type_ else TYPES
    if release_id:
        value, lines = release_steps(services, release_id)
    elif at:
        value, lines = live_at(services, types, algorithm, at)
    elif since:
        value, lines = changes(services, types, algorithm, since, str(until))
    else:
        value, lines = newest(services, types, algorithm, limit)
    Console(as_json=as_json).result({"environment": environment} | value, lines)


def newest(services: Services, types: Sequence[str], algorithm: str | None, limit: int) -> Result:
    """Return the newest releases, the newest first."""
    found = [
        release
        for type_ in types
        for release in islice(
            services.ledger.releases(type_, algorithm)
            if algorithm
            else services.ledger.newest(type_),
            limit,
        )
    ]
    found = in_order(found)[-limit:][::-1]
    return {"releases": list(map(asdict, found))}, map(_line, found)


# ---- What was live ------------------------------------------------------------------------


def live_at(services: Services, types: Sequence[str], algorithm: str | None, at: str) -> Result:
    """Return the publication that was live at a time, and its versions."""
    live = services.lives.at(at)
    if live is None:
        return {"at": at, "live": None}, [f"{at}: nothing was live yet"]
    documents = {
        type_: {
            "revision": live.documents[type_].revision,
            "version_id": live.documents[type_].version_id,
            "versions": {
                name: entry.version
                for name, entry in _document(services, live, type_).algorithms.items()
                if algorithm in {None, name}
            },
        }
        for type_ in types
        if type_ in live.documents
    }
    shown = asdict(live) | {"documents": documents, "url": services.executions.url(live.execution)}
    return {"at": at, "live": shown}, _live_lines(at, shown)


def _live_lines(at: str, live: dict[str, Any]) -> Iterator[str]:
    yield f"{at}: commit {live['commit']}, live since {live['at']}"
    yield f"execution {live['execution']}: {live['url']}"
    for type_, document in live["documents"].items():
        yield f"{type_}: revision {document['revision']}, version {document['version_id']}"
        yield from (f"  {name} {version}" for name, version in sorted(document["versions"].items()))


def _document(services: Services, live: Live | None, type_: str) -> Document:
    """Return the document of a type that was live, or an empty one."""
    if live is None or type_ not in live.documents:
        return Document(type=type_)
    return services.documents.read_version(type_, live.documents[type_].version_id).document


# ---- What changed -------------------------------------------------------------------------


def changes(
    services: Services, types: Sequence[str], algorithm: str | None, since: str, until: str
) -> Result:
    """Return the changes that visitors saw between two times, and their releases."""
    before, after = services.lives.at(since), services.lives.at(until)
    differences: list[Difference] = []
    releases: dict[str, Release] = {}
    for type_ in types:
        visible = [
            difference
            for difference in _differences(services, before, after, type_)
            if difference.is_visible and algorithm in {None, difference.algorithm}
        ]
        causes = _causes(services, visible, _revision(before, type_), _revision(after, type_))
        requested = services.ledger.between(type_, since, until)
        differences += visible
        releases |= {
            release.release_id: release
            for release in chain(causes, requested)
            if algorithm in {None, release.algorithm}
        }
    ordered = in_order(releases.values())
    commits = [live.commit if live else None for live in (before, after)]
    value = {
        "since": since,
        "until": until,
        "commits": commits,
        "differences": list(map(asdict, differences)),
        "releases": list(map(asdict, ordered)),
    }
    return value, _change_lines(since, until, commits, differences, ordered)


def _differences(
    services: Services, before: Live | None, after: Live | None, type_: str
) -> Sequence[Difference]:
    if _revision(before, type_) == _revision(after, type_):
        return ()
    return diff.compare_documents(
        _document(services, before, type_), _document(services, after, type_)
    )


def _causes(
    services: Services, differences: Iterable[Difference], first: int, last: int
) -> Iterator[Release]:
    """Return the releases of these differences, after revision `first` and up to `last`.

    Some may have been requested long before, and waited behind a hold.
    """
    for type_, name in dict.fromkeys(
        (difference.type, difference.algorithm) for difference in differences
    ):
        for release in services.ledger.releases(type_, name) if name else ():
            if release.revision is not None and first < release.revision <= last:
                yield release


def _revision(live: Live | None, type_: str) -> int:
    """Return the revision of a type's document that was live, or -1."""
    return live.documents[type_].revision if live and type_ in live.documents else -1


def _change_lines(
    since: str,
    until: str,
    commits: Sequence[str | None],
    differences: Sequence[Difference],
    releases: Sequence[Release],
) -> Iterator[str]:
    yield f"from {since} to {until}, for visitors:"
    if commits[0] != commits[1]:
        yield f"  commit: {commits[0] or 'nothing'} -> {commits[1] or 'nothing'}"
    elif not differences:
        yield "  nothing changed"
    yield from (f"  {difference}" for difference in differences)
    yield "releases:" if releases else "no release"
    yield from (f"  {_line(release)}" for release in releases)


# ---- One release --------------------------------------------------------------------------


def release_steps(services: Services, release_id: str) -> Result:
    """Return a release and its timeline. Raises RefusedError if the ledger lacks the release."""
    release = services.ledger.find(release_id)
    if release is None:
        raise RefusedError(
            f"release {release_id}",
            f"the ledger of {services.name} has no such release",
            f"List the IDs with: python -m scripts history --environment {services.name}",
        )
    steps = timeline.timeline_of(
        release, _executions(services, release), _message(services, release)
    )
    value = {"release": asdict(release), "timeline": asdict(steps)}
    return value, _release_lines(services, release, steps)


def _executions(services: Services, release: Release) -> Iterable[Execution]:
    """Return the executions from the release's document until its end.

    Those without a record, or that were retried since, are read from CodePipeline.
    """
    document = release.steps.get(DOCUMENT)
    if document is None:
        return []
    since = times.parse(document.at, release.release_id) - LOOKBACK
    until = timeline.ended(release) or invocation.now()
    # Times of releases are whole seconds.
    end = times.parse(until, release.release_id) + timedelta(seconds=1)
    kept = {one.id: one for one in services.recorder.between(times.instant(since), until)}
    for found in services.executions.newest():
        inside = found.started and since <= found.started < end
        if inside and (found.id not in kept or kept[found.id].state != found.status):
            told = services.recorder.read(found.id)
            kept |= {found.id: told} if told else {}
    return kept.values()


def _message(services: Services, release: Release) -> Posted | None:
    """Return the Slack message about a release, or None."""
    if release.revision is None:
        return None
    name = message_record.of_revision(release.type, release.revision)
    return message_record.read(services.ledger.client, services.ledger.table, name).posted


def _release_lines(services: Services, release: Release, steps: Timeline) -> Iterator[str]:
    took = "" if steps.seconds is None else f" after {duration(steps.seconds)}"
    yield f"{release.release_id}: {_move(release)}, {release.state}{took}"
    execution = None
    for step in steps.steps:
        if step.execution and step.execution != execution:
            execution = step.execution
            yield f"execution {execution}: {services.executions.url(execution)}"
        yield _step_line(step, slowest=step is steps.slowest)


def _step_line(step: TimelineStep, *, slowest: bool) -> str:
    took = "not ended" if step.seconds is None else duration(step.seconds)
    words = [took if step.seconds != 0 else "", "the slowest" if slowest else ""]
    words += [step.note or "", step.link or ""]
    return f"  {step.started}  {step.name}: " + ", ".join(word for word in words if word)


def in_order(releases: Iterable[Release]) -> list[Release]:
    """Return releases from the oldest to the newest.

    The revision decides within a type. Times, which come from several clocks, only decide between
    releases of different types.
    """
    by_type: dict[str, list[Release]] = {}
    for release in sorted(releases, key=lambda release: release.revision or 0):
        by_type.setdefault(release.type, []).append(release)
    return list(heapq.merge(*by_type.values(), key=lambda release: release.requested_at))


def _move(release: Release) -> str:
    return (
        f"{release.type}/{release.algorithm} {release.previous or 'nothing'} ->"
        f" {release.version or 'nothing'}"
    )


def _line(release: Release) -> str:
    by = f"by {release.who}" if release.who else "by the table's stream"
    return (
        f"{release.requested_at}  {_move(release)}, {release.action} {by}: {release.reason}"
        f" [{release.state}] {release.release_id}"
    )
