"""Stream records and the changes that they request."""

from typing import Any

import pytest

from phaseline.algorithms.changes import Change, Ignored, changes_of
from phaseline.algorithms.schema import Schema
from phaseline.errors import InputError
from tests.events import stream_record

SCHEMA = Schema()


def requested(record: dict[str, Any], schema: Schema = SCHEMA) -> tuple[Change, ...]:
    """The changes that a record requests."""
    changes = changes_of(record, schema)
    assert not isinstance(changes, Ignored)
    return changes


@pytest.mark.parametrize(
    ("event_name", "old_phase", "phase", "action"),
    [
        ("INSERT", None, "PACKAGE_TESTS_COMPLETE", "promote"),
        ("MODIFY", "PACKAGE_TESTS_RUNNING", "PACKAGE_TESTS_COMPLETE", "promote"),
        ("MODIFY", "PACKAGE_TESTS_COMPLETE", "REJECTED", "withdraw"),
    ],
)
def test_entering_the_phase_promotes_and_leaving_it_withdraws(
    event_name: str, old_phase: str | None, phase: str, action: str
) -> None:
    record = stream_record(7, event_name=event_name, old_phase=old_phase, phase=phase)
    (change,) = requested(record)
    assert (change.action, change.type, change.algorithm) == (action, "opt", "route-planner")
    assert (change.version, change.order) == ("2.1.0", 7)
    assert change.requested_at == "2026-11-24T20:00:00Z"


@pytest.mark.parametrize(
    ("event_name", "old_phase", "phase"),
    [
        ("MODIFY", "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_COMPLETE"),
        ("MODIFY", "NEW", "PACKAGE_TESTS_RUNNING"),
        ("INSERT", None, "NEW"),
        ("REMOVE", "PACKAGE_TESTS_COMPLETE", None),
    ],
)
def test_record_without_changes_of_phase_is_ignored(
    event_name: str, old_phase: str | None, phase: str | None
) -> None:
    record = stream_record(7, event_name=event_name, old_phase=old_phase, phase=phase)
    assert isinstance(changes_of(record, SCHEMA), Ignored)


def test_deletion_by_ttl_is_ignored() -> None:
    record = stream_record(7, event_name="REMOVE", phase=None, old_phase="PACKAGE_TESTS_COMPLETE")
    record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert isinstance(changes_of(record, SCHEMA), Ignored)


def test_display_is_converted_to_json_values() -> None:
    (change,) = requested(stream_record(7))
    assert change.display == {
        "title": "Route planner",
        "accuracy": 0.97,
        "rank": 3,
        "tags": ["cities", "roads"],
    }


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("type", {"S": "inout"}, "one of in, opt, out"),
        ("type", None, "found nothing"),
        ("version", {"N": "2"}, "1 to 128 letters"),
        ("version", {"S": "$(reboot)"}, "found {'S': '$(reboot)'}"),
        ("version", {"S": "1.0\n::error::"}, "1 to 128 letters"),
        ("algorithm", {"S": "a" * 129}, "1 to 128 letters"),
        ("display", {"S": "text"}, "expected a map"),
        ("display", {"M": {"icon": {"B": b"\x00"}}}, "JSON"),
    ],
)
def test_malformed_attribute_is_an_error_that_names_table_item_and_attribute(
    attribute: str, value: dict[str, Any] | None, expected: str
) -> None:
    record = stream_record(7)
    if value is None:
        del record["dynamodb"]["NewImage"][attribute]
    else:
        record["dynamodb"]["NewImage"][attribute] = value
    with pytest.raises(InputError) as caught:
        changes_of(record, SCHEMA)
    message = str(caught.value)
    assert "table algorithms" in message
    assert "route-planner" in message
    assert f"attribute '{attribute}'" in message
    assert expected in message


def test_stream_without_images_is_a_configuration_to_correct() -> None:
    """The error names the stream view type that the table needs."""
    record = stream_record(7)
    del record["dynamodb"]["NewImage"]
    with pytest.raises(InputError, match="NEW_AND_OLD_IMAGES"):
        changes_of(record, SCHEMA)


def test_attribute_names_are_configurable() -> None:
    record = stream_record(7)
    image = record["dynamodb"]["NewImage"]
    image["state"], image["name"] = {"S": "READY"}, image.pop("algorithm")
    schema = Schema(phase="READY", phase_attribute="state", algorithm_attribute="name")
    (change,) = requested(record, schema)
    assert change.algorithm == "route-planner"
