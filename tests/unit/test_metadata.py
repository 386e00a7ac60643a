"""The metadata documents' model and merge."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline import archive
from phaseline.errors import DocumentError
from phaseline.ledger import Release
from phaseline.metadata import Document, Entry, merge, parse, render
from phaseline.transition import Change


def change(sequence: int, version: str = "1.0.0", **fields: Any) -> Change:
    """A change of the algorithm `a`, promoting unless told otherwise."""
    known: dict[str, Any] = {
        "action": "promote",
        "type": "opt",
        "algorithm": "a",
        "display": {"title": version},
        "requested_at": "2026-11-24T20:00:00Z",
    }
    return Change(version=version, sequence=str(sequence), **(known | fields))


def active(document: Document) -> dict[str, str]:
    """The active version of each algorithm."""
    return {name: entry.version for name, entry in document.algorithms.items()}


def verified(version: str) -> Release:
    """An earlier release that a withdrawal may bring back."""
    return Release(
        release_id="r", type="opt", algorithm="a", version=version, action="promote",
        previous=None, requested_at="2026-11-01T00:00:00Z", sequence="1", reason="",
        display={"title": version},
    )  # fmt: skip


def test_promotion() -> None:
    """A promotion makes the version active, with its display, and counts a revision."""
    merged = merge(Document("opt", revision=4), [change(10, "2.0.0")], {})
    entry = merged.document.algorithms["a"]
    assert (entry.version, entry.display) == ("2.0.0", {"title": "2.0.0"})
    assert merged.document.revision == 5
    assert [release.previous for release in merged.releases] == [None]


def test_last_of_a_batch_is_the_release() -> None:
    """Of several promotions of one algorithm the last one is the release."""
    before = merge(Document("opt"), [change(1, "0.9.0")], {}).document
    merged = merge(before, [change(10, "1.0.0"), change(11, "1.1.0")], {})
    assert active(merged.document) == {"a": "1.1.0"}
    assert [(r.version, r.previous) for r in merged.releases] == [("1.1.0", "0.9.0")]


def test_again() -> None:
    """A change that the document holds is a release again and changes nothing."""
    first = merge(Document("opt"), [change(10)], {})
    again = merge(first.document, [change(10)], {})
    assert again.document is first.document
    assert again.releases == first.releases


def test_stale() -> None:
    """A change older than what the document holds is skipped."""
    before = merge(Document("opt"), [change(10, "2.0.0")], {}).document
    merged = merge(before, [change(9, "1.0.0")], {})
    assert merged.document is before
    assert "stale" in merged.skipped[0][1]


def test_withdrawal_brings_back_the_fallback() -> None:
    """Withdrawing the active version makes the fallback active."""
    before = merge(Document("opt"), [change(10, "2.0.0")], {}).document
    withdrawal = change(11, "2.0.0", action="withdraw")
    merged = merge(before, [withdrawal], {"11": verified("1.0.0")})
    assert active(merged.document) == {"a": "1.0.0"}
    assert merged.document.algorithms["a"].display == {"title": "1.0.0"}
    assert [(r.version, r.previous) for r in merged.releases] == [("1.0.0", "2.0.0")]


def test_withdrawal_of_the_only_version() -> None:
    """Without a fallback the algorithm disappears, and its older records stay stale."""
    before = merge(Document("opt"), [change(10)], {}).document
    merged = merge(before, [change(11, action="withdraw")], {})
    assert active(merged.document) == {}
    replayed = merge(merged.document, [change(10)], {})
    assert active(replayed.document) == {}


def test_withdrawal_of_an_inactive_version() -> None:
    """Withdrawing a version that is not active leaves the active one alone."""
    before = merge(Document("opt"), [change(10, "2.0.0")], {}).document
    merged = merge(before, [change(11, "1.0.0", action="withdraw")], {"11": verified("0.1")})
    assert merged.document is before
    assert merged.skipped[0][1] == "the withdrawn version is not the active one"


@given(st.lists(st.sampled_from(range(1, 9)), min_size=1, max_size=30), st.randoms())
def test_any_delivery_ends_with_the_newest(order: list[int], rng: random.Random) -> None:
    """Whatever is delivered twice, late or in another batch, the newest version is active."""
    document = Document("opt")
    while order:
        size = rng.randint(1, len(order))
        batch, order = order[:size], order[size:]
        document = merge(document, [change(n, f"{n}.0") for n in batch], {}).document
        newest = max(int(entry.sequence) for entry in document.algorithms.values())
        assert active(document) == {"a": f"{newest}.0"}
        assert newest >= max(batch)


def test_rendered_bytes() -> None:
    """Equal documents give equal bytes, whatever order their keys were set in."""
    entries = {name: Entry("1", {"b": 1, "a": "ü"}, "r", "1", "t") for name in ("x", "y")}
    swapped = {name: replace(entries[name], display={"a": "ü", "b": 1}) for name in ("y", "x")}
    one = Document("opt", 1, entries)
    assert render(one) == render(Document("opt", 1, swapped))
    assert parse(render(one), "opt", "here") == one


GOOD = json.loads(
    '{"schema": 1, "type": "opt", "revision": 1, "algorithms": {}, "withdrawn": {}, "holds": {}}'
)


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip",
        archive.pack({"in.json": b"{}"}),
        archive.pack({"opt.json": b"{"}),
        archive.pack({"opt.json": b"[]"}),
        archive.pack({"opt.json": b"{}"}),
        archive.pack({"opt.json": json.dumps(GOOD | {"schema": 2}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"type": "in"}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"revision": "1"}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"algorithms": {"a": {}}}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"algorithms": []}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD)[:-1].encode() + b', "type": "opt"}'}),
        archive.pack(
            {
                "opt.json": json.dumps(
                    GOOD | {"withdrawn": {"a": {"release": "r", "sequence": "first", "since": "t"}}}
                ).encode()
            }
        ),
    ],
)
def test_foreign_document(data: bytes) -> None:
    """Anything but a document of ours is refused, and the place is named."""
    with pytest.raises(DocumentError, match=r"s3://bucket/metadata/opt\.zip"):
        parse(data, "opt", "s3://bucket/metadata/opt.zip")
