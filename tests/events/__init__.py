"""Stream records as Lambda delivers them, for tests."""

import json
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("stream_record.json").read_text("utf-8")


def stream_record(
    sequence: int,
    *,
    algorithm: str = "route-planner",
    version: str = "2.1.0",
    type_: str = "opt",
    phase: str | None = "PACKAGE_TESTS_COMPLETE",
    old_phase: str | None = "PACKAGE_TESTS_RUNNING",
    event_name: str = "MODIFY",
) -> dict[str, Any]:
    """A record of an item whose phase changed; None for a phase leaves its image out."""
    record: dict[str, Any] = json.loads(TEMPLATE)
    record["eventName"] = event_name
    stream = record["dynamodb"]
    stream["SequenceNumber"] = str(sequence)
    stream["Keys"] = {"algorithm": {"S": algorithm}, "version": {"S": version}}
    for name, value in (("NewImage", phase), ("OldImage", old_phase)):
        if value is None:
            del stream[name]
        else:
            stream[name] |= stream["Keys"] | {"type": {"S": type_}, "phase": {"S": value}}
    return record
