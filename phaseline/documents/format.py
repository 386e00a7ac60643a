"""Pure: converts a metadata document to the bytes of its S3 object, and back.

The object is a zip archive with one JSON file: `metadata/opt.zip` contains `opt.json`. CodeBuild
unzips each of its input artifacts, so plain JSON would break the build.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from phaseline import archive
from phaseline.algorithms.changes import Change
from phaseline.documents.document import Document, Mark, Write
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.errors import DocumentError
from phaseline.releases.release import Release, RequestRecord, Step

SCHEMA = 2
SIZE_LIMIT = 160 * 1024**2
"""The most bytes of the JSON. 50,000 algorithms with displays of 2,000 bytes have 120 MB, and the
listener reads them with 620 MB of its 1,024 MB of memory."""
NO_VERSION: Mapping[str, Any] = {"version": None, "display": {}}
"""The fields that are not stored for a withdrawn entry, with their values."""


def render(document: Document) -> bytes:
    """Return the zip archive of a document. Equal documents give equal bytes.

    Raises DocumentError for a document that `parse` would refuse because of its size.
    """
    body = vars(document) | {
        "schema": SCHEMA,
        "withdrawn": {
            name: {key: value for key, value in vars(entry).items() if key not in NO_VERSION}
            for name, entry in document.withdrawn.items()
        },
    }
    # Compact JSON is written by the fast encoder, indented JSON by the slow one.
    text = json.dumps(
        body, default=_fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    content = text.encode()
    if len(content) > SIZE_LIMIT:
        raise DocumentError(
            f"metadata document '{document.type}'",
            f"it would have {len(content):,} bytes; the limit is {SIZE_LIMIT:,}",
            "It is left as it is. Make the displays of its algorithms smaller.",
        )
    return archive.pack({f"{document.type}.json": content})


def _fields(value: Entry | Hold | Mark | Change | Write | Release | RequestRecord | Step) -> Any:
    """Return the fields of a part of a document that are stored."""
    if isinstance(value, Change):
        return {name: vars(value)[name] for name in Change.__dataclass_fields__}  # no cached value
    return vars(value)


def parse(data: bytes, type_: str, where: str) -> Document:
    """Return the document of `type_` in the zip archive `data`.

    Raises DocumentError, which names `where`, if `data` is not a document that Phaseline wrote: it
    is not a zip archive or not JSON, expands to more than SIZE_LIMIT, has a duplicate key, has
    another schema or type, or has a malformed field.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            text = archive.read(zipped, f"{type_}.json", SIZE_LIMIT)
        body = json.loads(text, object_pairs_hook=_unique_keys)
        document = Document(
            type=type_,
            revision=body["revision"],
            algorithms={name: Entry(**entry) for name, entry in body["algorithms"].items()},
            withdrawn={
                name: Entry(**NO_VERSION, **entry) for name, entry in body["withdrawn"].items()
            },
            holds={name: _hold(entry) for name, entry in body["holds"].items()},
            freeze=_hold(body["freeze"]) if body.get("freeze") else None,
            bad={
                name: {version: Mark(**mark) for version, mark in marks.items()}
                for name, marks in body.get("bad", {}).items()
            },
            write=_write(body["write"]) if body.get("write") else None,
        )
        _check(document, body["schema"], body["type"])
    except (
        zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,  # of the archive
        KeyError, TypeError, ValueError, AttributeError,  # of its content
    ) as error:  # fmt: skip
        raise DocumentError(
            where,
            f"expected a zip with {type_}.json of schema {SCHEMA},"
            f" found {type(error).__name__}: {error}",
            "It is left as it is.",
        ) from error
    return document


def _hold(body: Mapping[str, Any]) -> Hold:
    waiting = tuple(Change(**change) for change in body["waiting"])
    return Hold(**{**body, "waiting": waiting})


def _write(body: Mapping[str, Any]) -> Write:
    request = body["request"]
    if request:
        request = RequestRecord(**{**request, "algorithms": tuple(request["algorithms"])})
    return Write(
        at=body["at"],
        revision=body["revision"],
        releases=tuple(map(_release, body["releases"])),
        withdrawn=tuple((algorithm, version) for algorithm, version in body["withdrawn"]),
        request=request,
    )


def _release(body: Mapping[str, Any]) -> Release:
    steps = {name: Step(**step) for name, step in body["steps"].items()}
    return Release(**{**body, "steps": steps})


def _check(document: Document, schema: object, type_: object) -> None:
    if schema != SCHEMA or type_ != document.type:
        raise ValueError(f"schema {schema!r} and type {type_!r}")
    if type(document.revision) is not int or document.revision < 0:
        raise ValueError(f"revision {document.revision!r}")
    for name, entry in document.algorithms.items():
        _check_entry(name, entry, may_be_none={"who", "previous", "left"})
    for name, entry in document.withdrawn.items():
        _check_entry(name, entry, may_be_none={"who", "previous", "left", "version"})


def _check_entry(name: str, entry: Entry, *, may_be_none: set[str]) -> None:
    for key, value in vars(entry).items():
        kind = dict if key == "display" else str
        if key in may_be_none and value is None:
            continue
        if not isinstance(value, kind) or (key == "sequence" and not str(value).isdecimal()):
            raise ValueError(f"algorithm {name!r}: {key} is {value!r}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("duplicate key")
    return body
