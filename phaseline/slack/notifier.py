"""Brings Slack's messages up to date with what the ledger and CodePipeline say.

An event only says that it is time to look again. So one that comes twice, late or out of order adds
nothing, and one that is lost is made good by the next.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, takewhile
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.algorithms.names import TYPES
from phaseline.pipeline import actions
from phaseline.pipeline.actions import Action
from phaseline.pipeline.executions import RUNNING, SUCCEEDED, Execution, Executions
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import OPEN, VERIFIED, Release
from phaseline.site.outcomes import PUBLISHED
from phaseline.slack import message_record, progress, rendering
from phaseline.slack.message_record import Key, Record, View
from phaseline.slack.messages import Messages
from phaseline.slack.progress import Batch, News
from phaseline.slack.rendering import Message, Place
from phaseline.slack.standing import RELEASES_LIMIT, Standing, State

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef

_LOG = logging.getLogger(__name__)
MESSAGES_LIMIT = 20
"""Messages that one event may edit, the newest first: Slack takes about one a second. The others
are the next event's."""


@dataclass(frozen=True)
class Told:
    """What came of a look: how many messages it brought up to date, and why others were not."""

    edited: int
    errors: tuple[Exception, ...]


@dataclass
class Look:
    """One look at CodePipeline; each thing is asked for once, when it is first wanted.

    Where CodePipeline does not answer, the messages say less.
    """

    executions: Executions
    news: News
    _details: dict[str, list["ActionExecutionDetailTypeDef"]] = field(default_factory=dict)

    @cached_property
    def all(self) -> list[Execution]:
        """The newest executions, newest first, the event's own always among them."""
        try:
            found = self.executions.newest()
        except (BotoCoreError, ClientError) as error:
            _LOG.warning("The executions are unknown", extra={"error": type(error).__name__})
            found = []
        if self.news.execution not in [each.id for each in found]:
            found.insert(0, Execution(self.news.execution, RUNNING, {}, None))
        own = self.news.execution
        return [
            progress.updated(each, self.ran(each), self.news) if each.id == own else each
            for each in found
        ]

    def find(self, id_: object) -> Execution | None:
        """The execution of this id, if it is one of the newest."""
        return next((each for each in self.all if each.id == id_), None)

    def ran(self, execution: Execution | None) -> tuple[Action, ...]:
        """The runs of an execution's actions, in the order of their start."""
        return actions.ran(self._asked(execution)) if execution else ()

    def published(self, execution: Execution) -> bool:
        """Whether an execution published; False where it left that to a later one."""
        outcomes = [
            detail.get("output", {}).get("outputVariables", {}).get("outcome", PUBLISHED)
            for detail in self._asked(execution)
            if detail["stageName"] == "Publish"
        ]
        return PUBLISHED in (outcomes or [PUBLISHED])

    def _asked(self, execution: Execution) -> list["ActionExecutionDetailTypeDef"]:
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
class Opened:
    """The open releases of one revision: the keys of the first, and their number."""

    keys: list[Key] = field(default_factory=list)
    count: int = 0

    def with_(self, release: Release) -> "Opened":
        keys = [*self.keys, release.key] if len(self.keys) < RELEASES_LIMIT else self.keys
        return Opened(keys, self.count + 1)


@dataclass(frozen=True)
class Found:
    """What the ledger knows: open releases, messages, and the releases that these stand for, each
    by the name of the message. `left` are the messages about what a rollback has left."""

    opened: Mapping[str, Opened]
    records: Mapping[str, Record]
    batches: Mapping[str, Batch]
    left: Iterable[str]

    @property
    def names(self) -> Iterable[str]:
        """The messages that may be brought up to date, the newest releases first.

        What was left comes before its rollback: once the rollback is told, nobody asks again.
        """
        age = {name: batch.written_at for name, batch in self.batches.items()}
        newest = sorted(age, key=age.__getitem__, reverse=True)
        left = [name for name in self.left if name in age]
        return dict.fromkeys([*left, *newest, *self.records])


@dataclass(frozen=True)
class Bulletin:
    """The Slack messages about one environment's releases."""

    environment: str
    site_url: str
    ledger: Ledger
    executions: Executions
    messages: Messages

    def tell(self, news: News) -> Told:
        """Look, and bring what has changed up to date, the newest releases first.

        One message that can't be brought up to date is no hindrance for the others.
        """
        # Records first: only what was looked at after them may take their place.
        found = self._find(message_record.of_execution(news.execution))
        look = Look(self.executions, news)
        edited, errors = 0, []
        for name in found.names:
            if edited == MESSAGES_LIMIT:
                _LOG.info("The message is left to the next event", extra={"record": name})
                break
            try:
                edited += self._bring(name, found, look)
            except Exception as error:  # noqa: BLE001 - each message for itself
                errors.append(error)
        return Told(edited, tuple(errors))

    def _bring(self, name: str, found: Found, look: Look) -> bool:
        batch = found.batches.get(name)
        if batch is None and not self._wanted(found.records[name], found, look):
            return False

        def again() -> View:
            known = self._batches([self.messages.read(name)], found.opened)
            return self._view(name, known.get(name), Look(self.executions, look.news))

        view = self._view(name, batch, look)
        return self.messages.show(found.records[name], view, again)

    def _find(self, own: str) -> Found:
        """What there is to look at; `own` is the name of the message about the execution itself."""
        opened = self._opened()
        names = [*opened, *self.messages.unfinished(), own]
        records = {name: self.messages.read(name) for name in dict.fromkeys(names)}
        batches = self._batches(records.values(), opened)
        left = {name: self.messages.read(name) for name in self._left(batches.values())}
        batches = self._batches(left.values(), opened) | batches
        return Found(opened, left | records, batches, list(left))

    def _opened(self) -> dict[str, Opened]:
        """What is open, by the name of the message that stands for it."""
        opened: dict[str, Opened] = {}
        for release in chain.from_iterable(map(self.ledger.open_releases, TYPES)):
            if release.revision is not None:
                name = message_record.of_revision(release.type, release.revision)
                opened[name] = opened.get(name, Opened()).with_(release)
        return opened

    def _batches(self, records: Iterable[Record], opened: Mapping[str, Opened]) -> dict[str, Batch]:
        """The releases that the messages of these records stand for, as they are now."""
        found = {}
        for record in records:
            about, open_ = message_record.subject(record.name), opened.get(record.name, Opened())
            keys = [*record.keys, *(key for key in open_.keys if key not in record.keys)]
            releases = self.ledger.read(keys[:RELEASES_LIMIT])
            if releases and not isinstance(about, str):
                count = max(record.count, open_.count, len(releases))
                newer = {one.release_id: self._newer(one) for one in releases}
                found[record.name] = Batch(*about, releases, count, newer)
        return found

    def _newer(self, release: Release) -> list[Release]:
        """The later releases of the same algorithm, oldest first, once this one has ended."""
        if release.state == OPEN:
            return []
        known = self.ledger.releases(release.type, release.algorithm)
        return list(takewhile(lambda one: _is_before(release, one), known))[::-1]

    def _left(self, batches: Iterable[Batch]) -> Iterator[str]:
        """The names of the messages about versions that a proved rollback has left."""
        for release in chain.from_iterable(batch.releases for batch in batches):
            if release.action == "rollback" and release.state == VERIFIED:
                known = self.ledger.releases(release.type, release.algorithm)
                before = next((one for one in known if _is_before(one, release)), None)
                if before and before.revision is not None and before.version == release.previous:
                    yield message_record.of_revision(before.type, before.revision)

    def _wanted(self, record: Record, found: Found, look: Look) -> bool:
        """Whether an execution is to be told by a message of its own: one that brings no release,
        and another commit or a failure."""
        execution = look.find(message_record.subject(record.name))
        if execution is None or record.ceded:
            return False
        if record.number:
            return True
        batches = found.batches.values()
        if any(progress.carries(execution, batch) for batch in batches):
            self.messages.cede(record)
            return False
        if execution.status == SUCCEEDED and not look.published(execution):
            return False
        failed = progress.ENDS.get(execution.status) is State.FAILED
        return failed or progress.brings_a_commit(look.all, execution)

    def _view(self, name: str, batch: Batch | None, look: Look) -> View:
        if batch:
            execution = progress.carrier(look.all, batch)
            standing = progress.of_batch(batch, execution, look.ran(execution), look.news)
        else:
            about = message_record.subject(name)
            execution = look.find(about) or Execution(str(about), RUNNING, {}, None)
            standing = progress.of_execution(
                execution,
                look.ran(execution),
                look.news,
                published=look.published(execution),
            )
        url = self.executions.url(execution.id) if execution else None
        place = Place(self.environment, self.site_url, url)
        over = execution is None or execution.status != RUNNING
        finished = over and not (batch and batch.is_open)
        return View(
            message=rendering.progress(place, standing),
            replies=_replies(place, standing, look.ran(execution), finished=finished),
            finished=finished,
            keys=[release.key for release in standing.releases],
            count=standing.count,
        )


def _is_before(release: Release, other: Release) -> bool:
    """Whether a release of the same algorithm came earlier."""
    return bool(release.key["sk"]["S"] < other.key["sk"]["S"])


def _replies(
    place: Place, standing: Standing, ran: Iterable[Action], *, finished: bool
) -> dict[str, Message]:
    """What the thread should have, by names under which each is told once."""
    replies = {}
    if standing.execution:
        replies["details"] = rendering.details(place, standing)
        for failed in progress.failures(ran):
            name = f"failed {failed.stage} {failed.action} {failed.started}"
            replies[name] = rendering.failure(place, failed, standing.execution)
    if finished and standing.state not in {State.FAILED, State.STOPPED}:
        replies["end"] = rendering.end(standing)
    return replies
