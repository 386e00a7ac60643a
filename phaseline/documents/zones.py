"""The data of time zones, as the package `tzdata` has it.

A hold keeps the data of its zone with it, so that whoever reads the hold needs no time zone
database: neither does a Lambda carry its 600 files, nor can a reader lack a zone that the writer
had. What the operating system knows is never asked, since it differs from machine to machine.
"""

import base64
import importlib.resources
import io
from zoneinfo import ZoneInfo

PACKAGE = "tzdata"


def find(name: str) -> str | None:
    """The data of a time zone (TZif, in base64), or None for a name that the database lacks.

    https://www.rfc-editor.org/rfc/rfc9636
    """
    database = importlib.resources.files(PACKAGE)
    if name not in (database / "zones").read_text("utf-8").split():
        return None
    return base64.b64encode(database.joinpath("zoneinfo", *name.split("/")).read_bytes()).decode()


def zone(name: str, data: str) -> ZoneInfo:
    """The time zone of this `data`. Raises ValueError for anything but the data of a zone."""
    return ZoneInfo.from_file(io.BytesIO(base64.b64decode(data, validate=True)), key=name)
