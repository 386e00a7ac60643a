"""The outbox keeps a dispatch until GitHub accepts it: one item per type in the ledger table.

The same item says up to which revision of the document everything that follows from it was recorded
(documents/commit.py), so that a dispatch is never missing for a recorded release. It also lists the
changes that wait behind holds at this revision, so that messages need no document to tell of them.

A dispatch is written before it is sent, and marked afterwards, so that a dispatch that GitHub did
not accept is sent again. The dispatch for a newer document replaces that for an older one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from phaseline.aws.dynamodb import plain, serialize, unless_condition_failed
from phaseline.releases.waiting import Waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RELEASES_IN_A_DISPATCH = 150
"""The number of release ids that a dispatch lists; the ledger has the others. With the longest
names they fit into the 65,535 characters of a payload (github/dispatch.py)."""


@dataclass(frozen=True)
class Dispatch:
    """The repository_dispatch for the newest version of a document.

    `document_version` is its S3 object version id. `releases` are the ids of the newest of the
    `release_count` releases that it announces.
    """

    type: str
    document_version: str
    revision: int
    releases: tuple[str, ...]
    release_count: int
    sent: bool = False


@dataclass(frozen=True)
class Settled:
    """Everything that follows from the document up to `revision` was recorded.

    `dispatch` is the newest dispatch, or None before the first one. `parked` says that changes wait
    for a document that cannot be read (promotion/parking.py). `waiting` are the changes that wait
    behind holds.
    """

    revision: int
    dispatch: Dispatch | None
    parked: str | None = None
    waiting: tuple[Waiting, ...] = ()

    @property
    def owed(self) -> Dispatch | None:
        """The dispatch that GitHub has not accepted yet, or None."""
        return self.dispatch if self.dispatch and not self.dispatch.sent else None

    def following(
        self,
        type_: str,
        document_version: str,
        revision: int,
        releases: Sequence[str],
        waiting: tuple[Waiting, ...],
    ) -> "Settled":
        """Return the state after a document with these releases, whose dispatch is owed.

        The dispatch also announces the releases of a dispatch that is still owed. Without
        `releases`, the dispatch stays as it is.
        """
        if not releases:
            return Settled(revision, self.dispatch, self.parked, waiting)
        owed, count = (self.owed.releases, self.owed.release_count) if self.owed else ((), 0)
        newest = (*owed, *releases)[-RELEASES_IN_A_DISPATCH:]
        dispatch = Dispatch(type_, document_version, revision, newest, count + len(releases))
        return Settled(revision, dispatch, self.parked, waiting)


@dataclass(frozen=True)
class Outbox:
    """Reads and writes the outbox in the ledger table."""

    client: "DynamoDBClient"
    table: str

    def read(self, type_: str) -> Settled:
        """Return the state of a type; revision -1 stands for a document that was never settled."""
        response = self.client.get_item(TableName=self.table, Key=_key(type_), ConsistentRead=True)
        item = plain(response.get("Item", {}))
        dispatch = None
        if "document_version" in item:
            dispatch = Dispatch(
                type=type_,
                document_version=item["document_version"],
                revision=int(item["revision"]),
                releases=tuple(item["releases"]),
                release_count=int(item["release_count"]),
                sent=item["sent"],
            )
        waiting = tuple(map(Waiting.parse, item.get("waiting", ())))
        return Settled(int(item.get("settled", -1)), dispatch, item.get("parked"), waiting)

    def settle(self, type_: str, settled: Settled) -> None:
        """Record the state after a document, unless a newer document was settled already."""
        waiting = [one.to_fields() for one in settled.waiting]
        fields: dict[str, Any] = {"settled": settled.revision, "waiting": waiting}
        if settled.dispatch:
            fields |= vars(settled.dispatch)
            del fields["type"]
            fields["releases"] = list(settled.dispatch.releases)
        self._update(type_, fields, "attribute_not_exists(#settled) OR #settled < :settled")

    def mark_sent(self, dispatch: Dispatch) -> None:
        """Mark a dispatch as sent, unless a newer one has replaced it meanwhile."""
        fields = {"sent": True, "revision": dispatch.revision}
        self._update(dispatch.type, fields, "#revision = :revision")

    def mark_parked(self, type_: str, mark: str) -> None:
        """Record that changes of a document are parked (promotion/parking.py)."""
        self._update(type_, {"parked": mark})

    def remove_parked(self, type_: str, mark: str) -> None:
        """Record that no changes are parked any more, unless the mark has changed meanwhile."""
        self._update(type_, {"parked": None}, "#parked = :mark", {":mark": serialize(mark)})

    def _update(
        self,
        type_: str,
        fields: Mapping[str, Any],
        condition: str | None = None,
        operands: Mapping[str, Any] | None = None,
    ) -> None:
        """Set `fields` of the item of a type, unless there is a condition and it is false."""
        conditions: Any = {"ConditionExpression": condition} if condition else {}
        values = {f":{name}": serialize(value) for name, value in fields.items()}
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(type_),
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in fields),
                ExpressionAttributeNames={f"#{name}": name for name in fields},
                ExpressionAttributeValues=values | dict(operands or {}),
                **conditions,
            )
        except ClientError as error:
            unless_condition_failed(error)


def _key(type_: str) -> dict[str, Any]:
    return {"pk": {"S": f"document#{type_}"}, "sk": {"S": "settled"}}
