"""Promotes versions that are tested and were never released, because no stream record came."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.aws.wording import wording
from phaseline.documents.entry import Entry
from phaseline.documents.store import Stored
from phaseline.drift import table_rules
from phaseline.drift.releases import ReleaseCheck
from phaseline.drift.report import Repair
from phaseline.errors import InputError, PhaselineError
from phaseline.pipeline.carrier import ensure
from phaseline.promotion.apply import apply_request
from phaseline.promotion.request import Request
from phaseline.releases.ledger import WRITERS


@dataclass(frozen=True)
class Repaired:
    """The result of a repair. `done` is False if it was refused or failed.

    `execution` is the execution that takes the repair to the website, or None.
    """

    repair: Repair
    sentence: str
    done: bool = True
    execution: str | None = None


@dataclass(frozen=True)
class LostVersions:
    """The lost versions that a check has found. `who` promotes them, for a `reason`."""

    check: ReleaseCheck
    who: str
    reason: str

    def promote(self, group: Sequence[Repair]) -> Sequence[Repaired]:
        """Promote the lost versions of one type in one write of its document, and ensure that an
        execution carries it.

        Raises PhaselineError or an error of botocore if nothing is known to be promoted.
        """
        type_, now = group[0].target["type"], self.check.now()
        at = times.second(now)
        refused: dict[str, str | None] = {}

        for attempt in self.check.commits.attempts(type_):
            document = attempt.document
            # The table is read after the document, so a later withdrawal conflicts with the write.
            with ThreadPoolExecutor(WRITERS) as pool:
                entries = list(pool.map(lambda repair: self._lost(repair, at), group))
            lost = {
                repair.target["algorithm"]: (entry, repair.target["after"])
                for repair, entry in zip(group, entries, strict=True)
                if isinstance(entry, Entry)
            }
            for name, (made, after) in lost.items():
                refused[name] = table_rules.why_not(document, name, made, after, now)
            targets = {name: made for name, (made, _) in lost.items() if refused[name] is None}
            merged = apply_request(self._request(type_, targets, at), document, targets, {})
            if committed := self.check.commits.write(merged, over=attempt, at=at):
                break
        else:
            raise self.check.commits.contended(type_)
        execution, note = self._ensure(committed.stored) if committed.releases else (None, "")
        results = []
        for repair, entry in zip(group, entries, strict=True):
            name = f"{type_}/{repair.target['algorithm']}"
            why = entry if isinstance(entry, str) else refused[repair.target["algorithm"]]
            if why is None:
                sentence = f"{name} {repair.target['version']} was promoted{note}"
                results.append(Repaired(repair, sentence, execution=execution))
            else:
                results.append(Repaired(repair, f"{name}: {why}", done=False))
        return results

    def _lost(self, repair: Repair, at: str) -> Entry | str:
        """Return the entry that promotes a lost version, or the reason why it is no longer lost."""
        type_, name, version = (repair.target[key] for key in ("type", "algorithm", "version"))
        # After the same release the same id: of two runs, at once or not, one makes a release.
        known = f"drift {version} after {repair.target['after']}"
        digest = hashlib.sha256(known.encode()).hexdigest()[:8]
        release = f"{type_}-{name}-{version}-{digest}"
        decided = table_rules.decided(self.check.commits.ledger.releases(type_, name), version)
        if decided and decided.release_id != release:
            return f"{version} was released meanwhile ({decided.release_id})"
        try:
            item = self.check.registry.tested(name, version)
        except InputError as error:
            return str(error)
        if item is None or item.type != type_:
            return f"{version} is not tested any more"
        return Entry(version, item.display, release, "", "0", at, self.who)

    def _ensure(self, stored: Stored) -> tuple[str | None, str]:
        """Return the execution that carries a document's version, and a phrase about it."""
        try:
            ensured = ensure(
                self.check.executions,
                stored.document.type,
                stored.version_id,
                stored.document.revision,
                lambda: None,
            )
        except (PhaselineError, BotoCoreError, ClientError) as error:
            return None, f"; no execution carries it yet: {wording(error)}"
        return ensured.execution, f"; execution {ensured.execution} carries it"

    def _request(self, type_: str, targets: Mapping[str, Entry], at: str) -> Request:
        return Request(
            action="promote",
            type=type_,
            algorithms=tuple(targets),
            reason=self.reason,
            who=self.who,
            at=at,
            id="drift",
        )
