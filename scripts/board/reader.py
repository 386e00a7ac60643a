"""Reads what the board shows: by bounded queries, and in the background where it may take long."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.aws.wording import wording
from phaseline.documents.store import Stored
from phaseline.drift.report import Report
from phaseline.errors import PhaselineError
from phaseline.history.timeline import Timeline, timeline_of
from phaseline.pipeline.executions import ENDED, Execution
from phaseline.pipeline.recorder import RecordedExecution
from phaseline.releases.ledger import WRITERS
from phaseline.releases.release import OPEN, VERIFIED, Position, Release
from phaseline.site import manifests
from phaseline.site.live import Live
from phaseline.site.manifests import ServedManifest
from scripts.board.catalogue import AlgorithmStatus, Catalogue
from scripts.board.delivery import Delivery, delivery_of
from scripts.board.freshness import READERS, Fresh, FreshByKey
from scripts.cli import invocation
from scripts.drift.flow import release_check
from scripts.history.changes import VisibleChanges, visible_changes
from scripts.history.release_steps import executions_of, message_of
from scripts.services import Services

T = TypeVar("T")
STATE_AGE, EXECUTIONS_AGE, DELIVERY_AGE = 3.0, 5.0, 60.0
"""Seconds after which the state, the newest executions and the metrics are read again."""
FOREVER = float("inf")
MANIFEST_AGE = timedelta(minutes=1)
"""After which the manifest is fetched again, although no newer publication was verified."""
OPEN_SHOWN = 20
"""The most open releases of each type that are shown; in a burst there are thousands."""
RELEASES, EXECUTIONS = 50, 25
"""Releases and executions on one page of their lists."""
SEARCHED = 200
"""The newest releases of an algorithm among which the one of its served version is looked for."""
KEPT = 5_000
"""The most results of queries that are kept, because nothing changes them any more."""


@dataclass(frozen=True)
class EnvironmentState:
    """The state of an environment, which was read at a time (ISO 8601, UTC).

    `stored` are the newest documents by type, without those that cannot be read; `problems` says
    why something is missing. `manifest` is the one that visitors are served, fetched at `fetched`.
    `live` is the newest verified publication. `open_releases` are those that visitors are not
    served yet, up to OPEN_SHOWN of each type, newest first.
    """

    at: str
    stored: Mapping[str, Stored]
    manifest: ServedManifest | None
    fetched: str
    live: Live | None
    open_releases: Sequence[Release]
    catalogue: Catalogue
    problems: Sequence[str]


@dataclass(frozen=True)
class ReleasePage:
    """Releases, newest first, and the positions by type after which the next page begins."""

    releases: Sequence[Release]
    following: Mapping[str, Position]


@dataclass(frozen=True)
class ExecutionPage:
    """Executions that have ended, newest first, and the key before which the next page begins."""

    executions: Sequence[RecordedExecution]
    following: str | None


class Reader:
    """Reads one environment. `now` returns the time (ISO 8601, UTC), and `clock` seconds."""

    def __init__(
        self,
        services: Services,
        now: Callable[[], str] = invocation.now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.services, self.now, self._clock = services, now, clock
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="board")
        self._queries = ThreadPoolExecutor(WRITERS, thread_name_prefix="board-query")
        self._kept: dict[tuple[object, ...], object] = {}
        self.state = self._fresh(self._state, STATE_AGE)
        self.running = self._fresh(lambda _: self._running(), EXECUTIONS_AGE)
        self.delivery = FreshByKey(self._delivery, limit=4)
        self.comparison = FreshByKey(self._comparison, limit=4)
        self.drift = self._fresh(lambda _: self._drift(), FOREVER)

    def _fresh(self, read: Callable[[T | None], T], age: float) -> Fresh[T]:
        return Fresh(read, self._pool, age, self._clock)

    # ---- The state ---------------------------------------------------------------------------

    def _state(self, before: EnvironmentState | None) -> EnvironmentState:
        """Return the present state. What has not changed since `before` is not read again."""
        at, problems = self.now(), list[str]()
        stored: dict[str, Stored] = {}
        for type_ in TYPES:
            try:
                stored[type_] = self._document(type_, before)
            except PhaselineError as error:
                problems.append(str(error))
        live = self.services.lives.newest()
        manifest, fetched = self._manifest(before, live, at, problems)
        documents = {type_: one.document for type_, one in stored.items()}
        served = manifest.versions if manifest else None
        catalogue = Catalogue(documents, served, times.parse(at, "now"))
        if before and before.stored == stored and before.manifest is manifest:
            catalogue = before.catalogue.later(catalogue.at)
        return EnvironmentState(
            at, stored, manifest, fetched, live, self._open(), catalogue, problems
        )

    def _document(self, type_: str, before: EnvironmentState | None) -> Stored:
        documents, known = self.services.documents, before.stored.get(type_) if before else None
        return documents.reread(known) if known else documents.read(type_)

    def _manifest(
        self, before: EnvironmentState | None, live: Live | None, at: str, problems: list[str]
    ) -> tuple[ServedManifest | None, str]:
        """Return the served manifest and the time at which it was fetched."""
        if before and before.manifest and before.live == live:
            age = times.parse(at, "now") - times.parse(before.fetched, "now")
            if age < MANIFEST_AGE:
                return before.manifest, before.fetched
        try:
            manifest = manifests.fetch(self.services.environment.site_url)
        except PhaselineError as error:
            problems.append(f"The served versions are unknown. {error}")
            return None, at
        same = before and before.manifest and before.manifest.digest == manifest.digest
        return (before.manifest if before and same else manifest), at

    def _open(self) -> Sequence[Release]:
        found = [
            release
            for type_ in TYPES
            for release in islice(self.services.ledger.open_releases(type_), OPEN_SHOWN)
        ]
        return sorted(found, key=lambda release: release.requested_at, reverse=True)

    # ---- Releases ----------------------------------------------------------------------------

    def live_releases(
        self, statuses: Iterable[AlgorithmStatus], live: Live | None
    ) -> dict[tuple[str, str], Release | None]:
        """Return the releases that made the served versions live, by type and name."""
        number = live.number if live else None
        served = [status for status in statuses if status.served]
        found = self._queries.map(lambda status: self._live_release(status, number), served)
        keys = ((status.type, status.name) for status in served)
        return dict(zip(keys, found, strict=True))

    def _live_release(self, status: AlgorithmStatus, number: int | None) -> Release | None:
        def find() -> Release | None:
            releases = self.services.ledger.releases(status.type, status.name)
            newest = islice(releases, SEARCHED)
            return next((one for one in newest if _made(one, status.served)), None)

        return self._keep((status.type, status.name, status.served, number), find)

    def newest_releases(self, after: Mapping[str, Position], types: Sequence[str]) -> ReleasePage:
        """Return the newest releases of `types`, or those that follow the positions `after`."""
        ledger = self.services.ledger
        found = [
            release
            for type_ in types
            for release in islice(ledger.newest(type_, after=after.get(type_)), RELEASES + 1)
        ]
        # Of one time and type, they stay in the order in which the next page goes on.
        found.sort(key=lambda release: release.recorded_at, reverse=True)
        return _page(found, after)

    def releases_of(self, type_: str, name: str, after: Position | None) -> ReleasePage:
        """Return the newest releases of an algorithm, or those that follow a position."""
        releases = self.services.ledger.releases(type_, name, after=after)
        return _page(list(islice(releases, RELEASES + 1)), {})

    def release(self, position: Position) -> Release | None:
        """Return the release at a position, or None."""
        return next(iter(self.services.ledger.read([position.key])), None)

    def timeline(self, release: Release) -> Timeline:
        """Return the steps of a release."""

        def read() -> Timeline:
            executions = executions_of(self.services, release)
            return timeline_of(release, executions, message_of(self.services, release))

        if release.state == OPEN:
            return read()
        return self._keep(("timeline", release.type, release.release_id), read)

    def _keep(self, key: tuple[object, ...], read: Callable[[], T]) -> T:
        """Return a value that nothing changes any more, which is read once."""
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = read()
        return self._kept[key]  # type: ignore[return-value] # the key tells the type

    # ---- Executions --------------------------------------------------------------------------

    def _running(self) -> Sequence[Execution]:
        """Return the executions that have not ended, newest first."""
        newest = self.services.executions.newest()
        return [execution for execution in newest if execution.status not in ENDED]

    def executions(self, before: str | None) -> ExecutionPage:
        """Return the newest executions that have ended, or those before a key."""
        newest = self.services.recorder.newest(before=before)
        found = list(islice(newest, EXECUTIONS + 1))
        shown = found[:EXECUTIONS]
        return ExecutionPage(shown, shown[-1].key if len(found) > EXECUTIONS else None)

    def execution(self, id_: str) -> RecordedExecution | None:
        """Return the present state of an execution, or None if CodePipeline lacks it."""
        try:
            return self.services.recorder.read(id_)
        except ClientError as error:
            if error.response["Error"]["Code"] == "PipelineExecutionNotFoundException":
                return None
            raise

    # ---- Readings that may take long ---------------------------------------------------------

    def _delivery(self, days: int) -> Fresh[Delivery]:
        def read(_: Delivery | None) -> Delivery:
            until = self.now()
            since = times.second(times.parse(until, "now") - timedelta(days=days))
            ledger, services = self.services.ledger, self.services
            return delivery_of(
                (release for type_ in TYPES for release in ledger.between(type_, since, until)),
                services.recorder.between(since, until),
                services.lives.between(since, until),
                days=days,
                until=until,
            )

        return self._fresh(read, DELIVERY_AGE)

    def _comparison(self, period: tuple[str, str]) -> Fresh[VisibleChanges]:
        since, until = period
        return self._fresh(
            lambda _: visible_changes(self.services, TYPES, None, since, until), FOREVER
        )

    def _drift(self) -> Report:
        return release_check(self.services).run()


def is_expected(error: BaseException) -> bool:
    """Return whether an error is of a call or of an input, and no defect."""
    return isinstance(error, ClientError | BotoCoreError | PhaselineError)


def problem(error: BaseException) -> str:
    """Return the message of an error for a page, without parts of a request."""
    return wording(error) if is_expected(error) else f"{type(error).__name__}: {error}"


def _made(release: Release, version: str | None) -> bool:
    return release.state == VERIFIED and release.version == version


def _page(found: Sequence[Release], after: Mapping[str, Position]) -> ReleasePage:
    """Return a page of releases, if there are more with the positions that follow them."""
    shown = found[:RELEASES]
    if len(found) <= RELEASES:
        return ReleasePage(shown, {})
    return ReleasePage(shown, {**after, **{one.type: Position.of(one) for one in shown}})
