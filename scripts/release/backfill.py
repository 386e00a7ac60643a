"""Promotes the tested versions that were in the table before its stream brought any.

They are what a drift check finds as lost promotions, and its repair promotes them: several in one
write of each document, and each version once, also if a stream record or a drift check comes
between.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from phaseline.drift.lost_versions import LostVersions, Repaired
from phaseline.drift.releases import ReleaseCheck
from phaseline.drift.report import Explained, Failure, Finding
from phaseline.errors import RefusedError, RemoteCallError
from scripts.cli.text import Line, table

IN_ONE_WRITE = 1_000
"""Promotions in one write of a document: as many as a batch of stream records has."""


@dataclass(frozen=True)
class Backfill:
    """The tested versions that were never released, and what is left out, with the reasons."""

    promotions: Sequence[Finding]
    left_out: Sequence[Explained | Finding]

    @property
    def data(self) -> dict[str, Any]:
        """The promotions, and what is left out, as JSON."""
        return {
            "promotions": [dict(one.repair.target) for one in self.promotions if one.repair],
            "left_out": [{"subject": one.subject, "why": one.sentence} for one in self.left_out],
        }

    def lines(self, *, made: bool) -> Iterator[Line]:
        """Return the promotions and what is left out for people."""
        count = len(self.promotions)
        versions = "1 version" if count == 1 else f"{count} versions"
        yield f"{versions} {'promoted' if made else 'would be promoted'}"
        yield from table(([one.subject, one.found] for one in self.promotions), indent="  ")
        if self.left_out:
            yield f"{len(self.left_out)} left out"
            yield from table(([one.subject, one.sentence] for one in self.left_out), indent="  ")


def find(check: ReleaseCheck) -> Backfill:
    """Compare the table with the documents.

    Raises RefusedError if the versions come from another environment, and RemoteCallError if the
    table cannot be read.
    """
    if check.promotes_from:
        raise RefusedError(
            check.environment,
            f"its versions come from {check.promotes_from}, not from the table",
            "Promote them, after they were verified there.",
        )
    promotions: list[Finding] = []
    left_out: list[Explained | Finding] = []
    for result in check.table():
        match result:
            case Failure():
                raise RemoteCallError(result.subject, result.sentence, "Try again.")
            case Finding(repair=repair) if repair:
                promotions.append(result)
            case Finding() | Explained():
                left_out.append(result)
    promotions.sort(key=lambda finding: finding.subject)
    return Backfill(promotions, left_out)


def promote(found: Backfill, lost: LostVersions, tell: Callable[[Repaired], None]) -> str | None:
    """Promote the versions that were found, and return the newest execution that brings them.

    `tell` gets each result. Raises RefusedError if a version was not promoted.
    """
    execution, refused = None, []
    wanted = [finding.repair for finding in found.promotions if finding.repair]
    for _, of_type in groupby(wanted, lambda repair: repair.target["type"]):
        while group := tuple(islice(of_type, IN_ONE_WRITE)):
            for repaired in lost.promote(group):
                tell(repaired)
                execution = repaired.execution or execution
                refused += [] if repaired.done else [repaired.sentence]
    if refused:
        raise RefusedError(
            lost.check.environment,
            f"{len(refused)} of {len(found.promotions)} versions were not promoted",
            "The lines above have the reasons. Running it again continues with what is left.",
        )
    return execution
