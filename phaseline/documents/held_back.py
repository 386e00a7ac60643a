"""Pure: which changes wait behind the holds of a document, for the messages about them."""

from phaseline.documents.document import Document
from phaseline.documents.hold import Hold
from phaseline.releases.waiting import HOLDS_LIMIT, LISTED, REASON_LIMIT, Waiting


def held_back(document: Document) -> tuple[Waiting, ...]:
    """Return what waits behind each hold; the freeze of the type first, then the oldest holds."""
    holds = sorted(document.holds.items(), key=lambda named: (named[1].since, named[0]))
    named = [(None, document.freeze), *holds]
    found = [_waiting(document.type, name, hold) for name, hold in named if hold and hold.waiting]
    return tuple(found[:HOLDS_LIMIT])


def _waiting(type_: str, algorithm: str | None, hold: Hold) -> Waiting:
    first = hold.waiting[:LISTED]
    return Waiting(
        type=type_,
        algorithm=algorithm,
        who=hold.who,
        since=hold.since,
        reason=hold.reason[:REASON_LIMIT],
        until=hold.until,
        window=hold.window,
        changes=tuple((change.action, change.algorithm, change.version) for change in first),
        count=len(hold.waiting),
    )
