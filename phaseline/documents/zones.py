"""Reads the data of time zones from the package `tzdata`.

A hold stores the data of its time zone, so a reader of the hold needs no time zone database: a
Lambda function does not carry its 600 files, and no reader lacks a zone that the writer had. The
database of the operating system is not used, because it differs from machine to machine.
"""

import base64
import importlib.resources
import io
from zoneinfo import ZoneInfo

PACKAGE = "tzdata"


def find(name: str) -> str | None:
    """Return the data of a time zone (TZif, in base64), or None if the database lacks the name.

    https://www.rfc-editor.org/rfc/rfc9636
    """
    database = importlib.resources.files(PACKAGE)
    if name not in (database / "zones").read_text("utf-8").split():
        return None
    return base64.b64encode(database.joinpath("zoneinfo", *name.split("/")).read_bytes()).decode()


def zone(name: str, data: str) -> ZoneInfo:
    """Return the time zone with this `data`. Raises ValueError if `data` is malformed."""
    return ZoneInfo.from_file(io.BytesIO(base64.b64decode(data, validate=True)), key=name)
