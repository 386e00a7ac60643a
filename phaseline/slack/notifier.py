"""Brings Slack's messages up to date with the ledger and CodePipeline.

An event only starts an update, which reads the current state. So an event that arrives twice, late
or out of order changes nothing, and the next event makes up for a lost one.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, takewhile
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.names import TYPES
from phaseline.github.outbox import Outbox
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.build_log import BuildLogs
from phaseline.pipeline.executions import RUNNING, SUCCEEDED, SUPERSEDED, Execution, Executions
from phaseline.releases.ledger import Ledger, each
from phaseline.releases.release import OPEN, VERIFIED, Release
from phaseline.releases.waiting import HOLDS_LIMIT, Waiting
from phaseline.site.outcomes import PUBLISHED
from phaseline.slack import looks, message_record, progress, rendering
from phaseline.slack.message_record import HoldSubject, Key, Record, View
from phaseline.slack.posting import Messages
from phaseline.slack.progress import Batch, News
from phaseline.slack.rendering import Message, Place
from phaseline.slack.standing import RELEASES_LIMIT, Standing, State

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef

_LOG = logging.getLogger(__name__)
MESSAGES_LIMIT = 20
"""Messages that one event may edit, the newest first. The next event, or the schedule, edits the
others. Slack accepts about one edit per second."""
NOTED_LIMIT = 500
"""Messages that one event notes as wanted. The next one notes the others."""


@dataclass(frozen=True)
class Updated:
    """The result of an update: the number of edited messages, and the errors of the others.

    `is_behind` says that messages are left to the next update, because this one edited as many as
    it may. `open_since` is the time (ISO 8601, UTC) at which the document of the oldest
    open release was written, or None.
    """

    edited: int
    errors: tuple[Exception, ...]
    is_behind: bool = False
    open_since: str | None = None


@dataclass
class PipelineState:
    """The state of the pipeline during one update. Each part is read once, when it is first needed.

    If CodePipeline does not answer, the messages have fewer facts.
    """

    executions: Executions
    build_logs: BuildLogs
    news: News
    _causes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _details: dict[str, list["ActionExecutionDetailTypeDef"]] = field(default_factory=dict)

    @cached_property
    def all(self) -> list[Execution]:
        """The newest executions, newest first, always with the event's execution."""
        try:
            executions = self.executions.newest()
        except (BotoCoreError, ClientError) as error:
            _LOG.warning("The executions are unknown", extra={"error": type(error).__name__})
            executions = []
        own = self.news.execution
        if own and own not in [execution.id for execution in executions]:
            executions.insert(0, Execution(own, RUNNING, {}, None))
        return [
            progress.updated(execution, self.ran(execution), self.news)
            if execution.id == own
            else execution
            for execution in executions
        ]

    def find(self, id_: object) -> Execution | None:
        """Return the execution with this ID, or None if it is not one of the newest."""
        return next((execution for execution in self.all if execution.id == id_), None)

    def ran(self, execution: Execution | None) -> tuple[Action, ...]:
        """Return the action runs of an execution, in the order of their start."""
        return actions.ran(self._read(execution)) if execution else ()

    def published(self, execution: Execution) -> bool:
        """Return whether an execution published. False means that a later one did so instead."""
        outcomes = [
            detail.get("output", {}).get("outputVariables", {}).get("outcome", PUBLISHED)
            for detail in self._read(execution)
            if detail["stageName"] == "Publish"
        ]
        return PUBLISHED in (outcomes or [PUBLISHED])

    def cause(self, failed: Action) -> tuple[str, ...]:
        """Return the last lines of a failed build, or none if its log can't be read."""
        name = f"{failed.action} {failed.started}"
        if name not in self._causes:
            try:
                self._causes[name] = self.build_logs.cause(failed)
            except (BotoCoreError, ClientError) as error:
                fields = {"action": failed.action, "error": type(error).__name__}
                _LOG.warning("The log of a build is unknown", extra=fields)
                self._causes[name] = ()
        return self._causes[name]

    def _read(self, execution: Execution) -> list["ActionExecutionDetailTypeDef"]:
        if execution.id not in self._details:
            client, pipeline = self.executions.client, self.executions.pipeline
            try:
                self._details[execution.id] = actions.details(client, pipeline, execution.id)
            except (BotoCoreError, ClientError) as error:
                fields = {"execution": execution.id, "error": type(error).__name__}
                _LOG.warning("The actions of an execution are unknown", extra=fields)
                self._details[execution.id] = []
        return self._details[execution.id]


@dataclass(frozen=True)
class OpenReleases:
    """The open releases of one revision: the keys of the first ones, the number of all, and the
    time at which their document was written (ISO 8601, UTC)."""

    keys: list[Key] = field(default_factory=list)
    count: int = 0
    since: str = ""

    def with_(self, release: Release) -> "OpenReleases":
        keys = [*self.keys, release.key] if len(self.keys) < RELEASES_LIMIT else self.keys
        return OpenReleases(keys, self.count + 1, progress.written_at(release))


@dataclass(frozen=True)
class LedgerState:
    """The state of the ledger at the beginning of an update, each by the name of the message: the
    open releases of all messages, the changes that wait behind holds, and the records and the
    releases of those to look at.

    The batches do not have their `newer` releases, which are read only for the message in turn.
    """

    open_releases: Mapping[str, OpenReleases]
    waiting: Mapping[str, Waiting]
    records: Mapping[str, Record]
    batches: Mapping[str, Batch]

    @property
    def names(self) -> Iterable[str]:
        """The messages to look at, the newest releases first."""
        written = {name: batch.written_at for name, batch in self.batches.items()}
        newest = sorted(written, key=written.__getitem__, reverse=True)
        return dict.fromkeys([*newest, *self.records])


@dataclass(frozen=True)
class Notifier:
    """Updates the Slack messages about the releases of one environment."""

    environment: str
    site_url: str
    ledger: Ledger
    executions: Executions
    build_logs: BuildLogs
    messages: Messages

    def update(self, news: News) -> Updated:
        """Update the messages whose content has changed, the newest releases first.

        An error of one message does not stop the update of the others.
        """
        ledger = self._read_ledger(news)
        pipeline = PipelineState(self.executions, self.build_logs, news)
        edited, errors, is_behind = 0, [], False
        for name in self._in_turn(ledger):
            if edited == MESSAGES_LIMIT:
                _LOG.info("The message is left to the next event", extra={"record": name})
                is_behind = True
                break
            try:
                edited += self._update_message(name, ledger, pipeline)
            except Exception as error:  # noqa: BLE001 - the other messages are updated
                errors.append(error)
        since = min((batch.since for batch in ledger.open_releases.values()), default=None)
        return Updated(edited, tuple(errors), is_behind, since)

    def _in_turn(self, ledger: LedgerState) -> Iterator[str]:
        """Yield the messages to look at, each after those about versions that it rolled back.

        Once the message of a rollback is finished, no update looks for the replaced version again.
        """
        yielded: set[str] = set()
        for name in ledger.names:
            batch = ledger.batches.get(name)
            for message in [*(self._rolled_back(batch) if batch else ()), name]:
                if message not in yielded:
                    yielded.add(message)
                    yield message

    def _update_message(self, name: str, ledger: LedgerState, pipeline: PipelineState) -> bool:
        """Show the current view of one message. Return whether Slack was called."""
        record = ledger.records.get(name) or self.messages.read(name)
        if isinstance(hold := message_record.subject(name), HoldSubject):
            listed = [one for one in ledger.waiting.values() if one.type == hold.type]
            if name not in ledger.waiting and len(listed) >= HOLDS_LIMIT:
                return False  # changes may still wait behind it: the list is not complete
            return self.messages.show(
                record,
                self._hold_view(name, hold, ledger.waiting),
                lambda: self._hold_view(name, hold, self._waiting()),
            )
        batch = ledger.batches.get(name) or self._batch(record, ledger.open_releases)
        if batch is None and not self._needs_message(record, ledger, pipeline):
            return False

        def look_again() -> View:
            batch = self._batch(self.messages.read(name), ledger.open_releases)
            state = PipelineState(self.executions, self.build_logs, pipeline.news)
            return self._view(name, batch, state)

        return self.messages.show(record, self._view(name, batch, pipeline), look_again)

    def _read_ledger(self, news: News) -> LedgerState:
        """Read the state of the messages to look at.

        The records are read first, because Messages.show needs a view that is newer than its
        record.
        """
        open_releases = self._open_releases()
        unfinished = self.messages.unfinished()
        self._note(open_releases, {*unfinished})
        waiting = self._waiting()
        own = [message_record.of_execution(news.execution)] if news.execution else []
        elsewhere = {*own, *open_releases, *waiting}
        closed = [name for name in unfinished if name not in elsewhere]
        # A hold may last for weeks, in which its message does not change.
        names = looks.chosen([*own, *closed, *open_releases, *waiting], news)
        records = {name: self.messages.read(name) for name in names}
        batches = {
            name: batch
            for name, record in records.items()
            if (batch := self._batch(record, open_releases))
        }
        return LedgerState(open_releases, waiting, records, batches)

    def _waiting(self) -> dict[str, Waiting]:
        """Return the changes that wait behind holds by the name of their message."""
        outbox = Outbox(self.ledger.client, self.ledger.table)
        found = chain.from_iterable(outbox.read(type_).waiting for type_ in TYPES)
        return {message_record.of_hold(one): one for one in found}

    def _hold_view(self, name: str, hold: HoldSubject, waiting: Mapping[str, Waiting]) -> View:
        if name in waiting:
            return View(rendering.held(self.environment, waiting[name]), {}, finished=False)
        over = rendering.released(self.environment, hold.type, hold.algorithm, hold.since)
        return View(over, {}, finished=True)

    def _note(self, open_releases: Mapping[str, OpenReleases], known: Collection[str]) -> None:
        """Note the messages that are wanted, the oldest first.

        So the message of a release that ends before an update looks at it is posted all the same.
        """
        wanted = [name for name in reversed([*open_releases]) if name not in known]

        def note(name: str) -> None:
            self.messages.want(name, open_releases[name].keys, open_releases[name].count)

        if wanted:
            each(note, wanted[:NOTED_LIMIT])

    def _open_releases(self) -> dict[str, OpenReleases]:
        """Return the open releases by the name of their message, the newest request first."""
        by_name: dict[str, OpenReleases] = {}
        releases = chain.from_iterable(map(self.ledger.open_releases, TYPES))
        for release in sorted(releases, key=lambda release: release.requested_at, reverse=True):
            if release.revision is not None:
                name = message_record.of_revision(release.type, release.revision)
                by_name[name] = by_name.get(name, OpenReleases()).with_(release)
        return by_name

    def _batch(self, record: Record, open_releases: Mapping[str, OpenReleases]) -> Batch | None:
        """Return the releases of a record's message as the ledger has them now, without `newer`.

        Return None if the message has another subject, or no releases.
        """
        subject = message_record.subject(record.name)
        if not isinstance(subject, tuple):
            return None
        open_ = open_releases.get(record.name, OpenReleases())
        keys = [*record.keys, *(key for key in open_.keys if key not in record.keys)]
        releases = self.ledger.read(keys[:RELEASES_LIMIT])
        if not releases:
            return None
        return Batch(*subject, releases, max(record.count, open_.count, len(releases)), {})

    def _newer(self, release: Release) -> list[Release]:
        """Return the later releases of the algorithm, oldest first, if this one has ended."""
        if release.state == OPEN:
            return []
        releases = self.ledger.releases(release.type, release.algorithm)
        return list(takewhile(lambda other: _is_before(release, other), releases))[::-1]

    def _rolled_back(self, batch: Batch) -> Iterator[str]:
        """Yield the names of the messages about versions that a verified rollback replaced."""
        for release in batch.releases:
            if release.action == "rollback" and release.state == VERIFIED:
                releases = self.ledger.releases(release.type, release.algorithm)
                before = next((other for other in releases if _is_before(other, release)), None)
                if before and before.revision is not None and before.version == release.previous:
                    yield message_record.of_revision(before.type, before.revision)

    def _needs_message(self, record: Record, ledger: LedgerState, pipeline: PipelineState) -> bool:
        """Return whether an execution needs a message of its own: it brings no release, but another
        commit or a failure."""
        execution = pipeline.find(message_record.subject(record.name))
        if execution is None or record.ceded:
            return False
        if record.number:
            return True
        batches = ledger.batches.values()
        if any(progress.shows(batch, execution, pipeline.all) for batch in batches):
            self.messages.cede(record)
            return False
        if execution.status == RUNNING and self._takes_sources(execution, pipeline):
            return False  # it may take the document of an open release yet
        if execution.status == SUPERSEDED:
            return False  # the execution that superseded it has the same commit or a later one
        if execution.status == SUCCEEDED and not pipeline.published(execution):
            return False
        failed = progress.ENDS.get(execution.status) is State.FAILED
        return failed or progress.brings_a_commit(pipeline.all, execution)

    def _takes_sources(self, execution: Execution, pipeline: PipelineState) -> bool:
        """Return whether an execution is still in its first stage."""
        ran = pipeline.ran(execution)
        return progress.stage(execution, ran, pipeline.news) == progress.STAGES[0]

    def _view(self, name: str, batch: Batch | None, pipeline: PipelineState) -> View:
        if batch:
            newer = {release.release_id: self._newer(release) for release in batch.releases}
            batch = replace(batch, newer=newer)
            execution = progress.carrier(pipeline.all, batch)
            ran = pipeline.ran(execution)
            standing = progress.of_batch(batch, execution, ran, pipeline.news)
        else:
            subject = message_record.subject(name)
            execution = pipeline.find(subject) or Execution(str(subject), RUNNING, {}, None)
            ran = pipeline.ran(execution)
            standing = progress.of_execution(
                execution, ran, pipeline.news, published=pipeline.published(execution)
            )
        url = self.executions.url(execution.id) if execution else None
        place = Place(self.environment, self.site_url, url)
        has_ended = execution is None or execution.status != RUNNING
        finished = has_ended and not (batch and batch.is_open)
        return View(
            message=rendering.progress(place, standing),
            replies=_replies(place, standing, ran, pipeline, finished=finished),
            finished=finished,
            keys=[release.key for release in standing.releases],
            count=standing.count,
        )


def _is_before(release: Release, other: Release) -> bool:
    """Return whether `release` is earlier than `other`, which has the same algorithm."""
    return bool(release.key["sk"]["S"] < other.key["sk"]["S"])


def _replies(
    place: Place,
    standing: Standing,
    ran: Iterable[Action],
    pipeline: PipelineState,
    *,
    finished: bool,
) -> dict[str, Message]:
    """Return the replies of the thread by name. Each name is posted once."""
    replies = {}
    if standing.execution:
        replies["details"] = rendering.details(place, standing)
        for failed in progress.failures(ran):
            name = f"failed {failed.stage} {failed.action} {failed.started}"
            replies[name] = rendering.failure(
                place, failed, standing.execution, pipeline.cause(failed)
            )
    if finished and standing.state not in {State.FAILED, State.STOPPED}:
        replies["end"] = rendering.end(standing)
    return replies
