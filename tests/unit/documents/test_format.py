"""Documents as bytes, and back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from phaseline import archive
from phaseline.documents.document import Document, Mark, Write
from phaseline.documents.entry import Entry
from phaseline.documents.format import parse, render
from phaseline.documents.hold import Hold
from phaseline.documents.windows import parse as parse_window
from phaseline.errors import DocumentError
from phaseline.releases.release import RequestRecord, Step
from tests.builders.changes import NOW, change
from tests.builders.releases import release


def test_equal_documents_give_equal_bytes_that_parse_to_an_equal_document() -> None:
    entries = {name: Entry("1", {"b": 1, "a": "ü"}, "r", "s", "1", "t") for name in ("x", "y")}
    swapped = {name: replace(entries[name], display={"a": "ü", "b": 1}) for name in ("y", "x")}
    window = parse_window("0 18 * * 5 for 2d in Europe/Berlin", "here")
    hold = Hold("r", "ana", SINCE, None, window.text, window.zone_data, (change(1),))
    bad = {"x": {"0": Mark("r", "ana", "t")}}
    gone = {"z": Entry(None, {}, "r", "s", "2", "t", previous="1")}
    document = Document("opt", 1, entries, gone, holds={"x": hold}, freeze=hold, bad=bad)
    assert render(document) == render(replace(document, algorithms=swapped))
    assert parse(render(document), "opt", "here") == document


GOOD = json.loads(
    '{"schema": 2, "type": "opt", "revision": 1, "algorithms": {}, "withdrawn": {}, "holds": {}}'
)

SINCE = "2026-11-24T20:00:00Z"
WITHDRAWN = {"release": "r", "stream": "", "since": SINCE}


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip",
        archive.pack({"in.json": b"{}"}),
        archive.pack({"opt.json": b"{"}),
        archive.pack({"opt.json": b"[]"}),
        archive.pack({"opt.json": b"{}"}),
        archive.pack({"opt.json": json.dumps(GOOD | {"schema": 1}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"type": "in"}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"revision": "1"}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"algorithms": {"a": {}}}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"algorithms": []}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"bad": {"a": {"1": {}}}}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD)[:-1].encode() + b', "type": "opt"}'}),
        archive.pack(
            {
                "opt.json": json.dumps(
                    GOOD
                    | {
                        "withdrawn": {
                            "a": {"release": "r", "stream": "s", "sequence": "first", "since": "t"}
                        }
                    }
                ).encode()
            }
        ),
    ],
)
def test_malformed_document_is_an_error_that_names_its_place(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"s3://bucket/metadata/opt\.zip"):
        parse(data, "opt", "s3://bucket/metadata/opt.zip")


def test_document_that_would_fill_the_memory_is_neither_read_nor_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = Document("opt", 1, {"a": Entry("1", {"b": "x" * 50}, "r", "s", "1", "t")})
    data = render(document)
    monkeypatch.setattr("phaseline.documents.format.SIZE_LIMIT", 100)
    with pytest.raises(DocumentError, match=r"opt.json expands to \d+ bytes or more; the limit is"):
        parse(data, "opt", "here")
    with pytest.raises(DocumentError, match=r"'opt': it would have \d+ bytes; the limit is 100"):
        render(document)


@pytest.mark.parametrize(
    "malformed",
    [
        {"window": "at night"},
        {"window": "0 18 * * 5 for 2d in Europe/Berlin", "zone": "AAAA"},
        {"window": 7},
        {"until": "tomorrow"},
        {"until": 7},
    ],
)
def test_hold_that_cannot_be_read_stays_in_force_in_a_readable_document(
    malformed: dict[str, Any],
) -> None:
    freeze = {"reason": "r", "who": "ana", "since": "2026-11-24T20:00:00Z", "waiting": []}
    body = GOOD | {"freeze": freeze | malformed}
    document = parse(archive.pack({"opt.json": json.dumps(body).encode()}), "opt", "here")
    assert document.hold("a", NOW) == document.freeze
    assert parse(render(document), "opt", "here") == document


def test_what_follows_from_a_write_is_stored_with_it() -> None:
    request = RequestRecord("key", "hold", ("a",), "ana", "slow", SINCE)
    waited = replace(release(), display={}, steps={"waiting": Step(SINCE)})
    write = Write(SINCE, 1, (waited,), (("a", "1.0.0"),), request)
    stored = parse(render(Document("opt", 1, write=write)), "opt", "here")
    assert stored.write == write
    assert stored.write.releases[0].steps == {"waiting": Step(SINCE)}
