"""Documents as bytes, and back."""

import json
from dataclasses import replace

import pytest

from phaseline import archive
from phaseline.documents.document import Document, Entry, Hold, Mark
from phaseline.documents.format import parse, render
from phaseline.documents.windows import parse as parse_window
from phaseline.errors import DocumentError
from tests.builders.changes import change


def test_equal_documents_give_equal_bytes_that_parse_to_an_equal_document() -> None:
    entries = {name: Entry("1", {"b": 1, "a": "ü"}, "r", "1", "t") for name in ("x", "y")}
    swapped = {name: replace(entries[name], display={"a": "ü", "b": 1}) for name in ("y", "x")}
    window = parse_window("0 18 * * 5 for 2d in Europe/Berlin", "here")
    since = "2026-11-24T20:00:00Z"
    hold = Hold("r", "ana", since, None, window.text, window.zone_data, (change(1),))
    bad = {"x": {"0": Mark("r", "ana", "t")}}
    gone = {"z": Entry(None, {}, "r", "2", "t", previous="1")}
    document = Document("opt", 1, entries, gone, holds={"x": hold}, freeze=hold, bad=bad)
    assert render(document) == render(replace(document, algorithms=swapped))
    assert parse(render(document), "opt", "here") == document


GOOD = json.loads(
    '{"schema": 1, "type": "opt", "revision": 1, "algorithms": {}, "withdrawn": {}, "holds": {}}'
)

FREEZE = json.loads(
    '{"reason": "r", "who": "ana", "since": "2026-11-24T20:00:00Z", "window": "at night",'
    ' "waiting": []}'
)

NO_ZONE = {"window": "0 18 * * 5 for 2d in Europe/Berlin"}


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
        archive.pack({"opt.json": json.dumps(GOOD | {"bad": {"a": {"1": {}}}}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"freeze": FREEZE}).encode()}),
        archive.pack({"opt.json": json.dumps(GOOD | {"freeze": FREEZE | NO_ZONE}).encode()}),
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
def test_malformed_document_is_an_error_that_names_its_place(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"s3://bucket/metadata/opt\.zip"):
        parse(data, "opt", "s3://bucket/metadata/opt.zip")
