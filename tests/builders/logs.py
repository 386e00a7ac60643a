"""What a function logs."""

import logging
from typing import Any

import pytest


def fields(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines that functions logged: each its message, and the fields beside it."""
    plain = vars(logging.makeLogRecord({})).keys() - {"message"}
    return [
        {"message": record.getMessage()}
        | {name: value for name, value in vars(record).items() if name not in plain}
        for record in caplog.records
        if not record.name.startswith(("werkzeug", "botocore", "urllib3"))
    ]


def everything(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """All that would stand in the log of a function: printed, or logged with every field."""
    printed = capsys.readouterr()
    return "\n".join([printed.out, printed.err, caplog.text, *map(str, fields(caplog))])
