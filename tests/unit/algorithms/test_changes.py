"""Stream records and the changes that they request."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline.algorithms.changes import Change, Ignored, changes_of
from phaseline.algorithms.schema import DISPLAY_LIMIT, Schema
from phaseline.errors import InputError, PhaselineError
from tests.events import samples, stream_record

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
    assert (change.version, change.sequence) == ("2.1.0", "7")
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
    ignored = changes_of(record, SCHEMA)
    assert isinstance(ignored, Ignored)
    assert ignored.sequence == "7"


def test_release_is_named_after_the_version_and_each_delivery_has_the_same_name() -> None:
    (change,), (again,) = requested(stream_record(7)), requested(stream_record(7))
    assert change.release_id.startswith("opt-route-planner-2.1.0-")
    assert change.release_id == again.release_id
    assert change.release_id != requested(stream_record(8))[0].release_id


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
        ("display", {"M": {"icon": {"B": "AAEC"}}}, "found a binary value at 'icon'"),
        ("display", {"M": {"icons": {"BS": ["AAEC"]}}}, "found a set of binary values at 'icons'"),
        ("display", {"M": {"a": {"L": [{"N": "1e500"}]}}}, "found '1e500' at 'a.0'"),
        ("display", {"M": {"a": {"S": "\ud83d"}}}, "found '\\ud83d' at 'a'"),
        ("display", {"M": {"a\ud83d": {"S": "a"}}}, "found 'a\\ud83d'"),
        ("display", {"NULL": True}, "expected a map, found {'NULL': True}"),
        ("display", {"SS": ["a"]}, "expected a map"),
        ("display", "text", "expected one data type"),
        ("type", {"N": "3"}, "found {'N': '3'}"),
        ("type", {"S": "opt", "N": "3"}, "one of in, opt, out"),
        ("type", "opt", "found 'opt'"),
        ("type", {"NULL": True}, "one of in, opt, out as a string, found {'NULL': True}"),
        ("algorithm", {"B": "AAEC"}, "found {'B': 'AAEC'}"),
        ("version", {"L": [{"S": "1.0"}]}, "1 to 128 letters"),
        ("version", {"S": ""}, "found {'S': ''}"),
        ("phase", "PACKAGE_TESTS_COMPLETE", "expected one data type"),
        ("phase", {"N": "NaN"}, "found 'NaN'"),
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
    with pytest.raises(InputError, match=r"no new image\n?.*NEW_AND_OLD_IMAGES"):
        changes_of(record, SCHEMA)


def test_change_of_a_newer_stream_is_later_also_if_its_table_has_another_name() -> None:
    (change,) = requested(stream_record(7))
    former = replace(change, stream="restored/2026-10-01T00:00:00.000", sequence="9")
    latter = replace(change, stream="algorithms/2026-11-01T00:00:00.000", sequence="1")
    assert former.position < latter.position


def test_attribute_names_are_configurable() -> None:
    record = stream_record(7)
    image = record["dynamodb"]["NewImage"]
    image["state"], image["name"] = {"S": "READY"}, image.pop("algorithm")
    schema = Schema(phase="READY", phase_attribute="state", algorithm_attribute="name")
    (change,) = requested(record, schema)
    assert change.algorithm == "route-planner"


VERSION = {"algorithm": "route-planner", "version": "1.0.0", "type": "opt"}
COMPLETE = "PACKAGE_TESTS_COMPLETE"


def item(phase: str | None = COMPLETE, **other: str | None) -> dict[str, Any]:
    """The image of an item; None leaves an attribute out."""
    values = VERSION | {"phase": phase} | other
    return {name: {"S": value} for name, value in values.items() if value is not None}


def moved(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """The record of an item that changed."""
    record = stream_record(7)
    record["dynamodb"] |= {"OldImage": old, "NewImage": new}
    return record


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(item("NEW"), item(), ["promote opt 1.0.0"], id="enters"),
        pytest.param(None, item(), ["promote opt 1.0.0"], id="is inserted complete"),
        pytest.param(item(), item("REJECTED"), ["withdraw opt 1.0.0"], id="leaves"),
        pytest.param(item(), item(None), ["withdraw opt 1.0.0"], id="loses its phase"),
        pytest.param(
            item(), item("REJECTED", type="in"), ["withdraw opt 1.0.0"], id="leaves, other type"
        ),
        pytest.param(
            item(), item("REJECTED", type=None), ["withdraw opt 1.0.0"], id="leaves, no type"
        ),
        pytest.param(
            item(), item("REJECTED", type="x"), ["withdraw opt 1.0.0"], id="leaves, unknown type"
        ),
        pytest.param(
            item(), item(type="in"), ["withdraw opt 1.0.0", "promote in 1.0.0"], id="changes type"
        ),
        pytest.param(
            item(), item(version="2.0.0"), ["promote opt 2.0.0"], id="is overwritten, complete"
        ),
        pytest.param(
            item(),
            item(version="2.0.0", type="out"),
            ["withdraw opt 1.0.0", "promote out 2.0.0"],
            id="is overwritten, other type",
        ),
        pytest.param(
            item(),
            item(algorithm="b"),
            ["withdraw opt 1.0.0", "promote opt 1.0.0"],
            id="is overwritten by another algorithm",
        ),
        pytest.param(
            item(type="x"), item(), ["promote opt 1.0.0"], id="malformed before, never released"
        ),
        pytest.param(
            item() | {"display": {"S": "x"}}, item(), ["promote opt 1.0.0"], id="malformed display"
        ),
        pytest.param(
            item(),
            item("REJECTED") | {"display": {"S": "x"}},
            ["withdraw opt 1.0.0"],
            id="leaves with a malformed display",
        ),
    ],
)
def test_changes_follow_from_the_versions_that_both_images_describe(
    old: dict[str, Any] | None, new: dict[str, Any], expected: list[str]
) -> None:
    changes = requested(moved(old, new))
    assert [f"{each.action} {each.type} {each.version}" for each in changes] == expected
    assert len({each.release_id for each in changes}) == len(changes)
    assert {each.stream for each in changes} == {"algorithms/2026-11-24T00:00:00.000"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(item(), item(), "phase did not change", id="same version"),
        pytest.param(
            item(),
            item() | {"display": {"M": {"title": {"S": "new"}}}},
            "phase did not change",
            id="other display",
        ),
        pytest.param(item("NEW"), item("RUNNING"), "phase did not change", id="never complete"),
        pytest.param(
            item(),
            item("TESTING", version="2.0.0"),
            "1.0.0 stays active while '2.0.0' is tested",
            id="overwritten by a version that is tested",
        ),
        pytest.param(
            item(), item("TESTING", version=None), "1.0.0 stays active", id="loses its version"
        ),
        pytest.param(item(type="x"), item("NEW"), "phase did not change", id="malformed, leaves"),
        pytest.param(item("NEW"), item("NEW", type="x"), "phase did not", id="malformed, new"),
    ],
)
def test_record_that_requests_no_change_is_ignored_with_its_reason(
    old: dict[str, Any], new: dict[str, Any], reason: str
) -> None:
    record = moved(old, new)
    ignored = changes_of(record, SCHEMA)
    assert isinstance(ignored, Ignored)
    assert reason in ignored.reason
    assert ignored.sequence == record["dynamodb"]["SequenceNumber"]


def test_malformed_item_in_the_phase_is_an_error_also_where_it_was_complete_before() -> None:
    with pytest.raises(InputError, match="attribute 'type'"):
        changes_of(moved(item(), item(type="x")), SCHEMA)


def test_phase_may_be_a_number() -> None:
    schema = Schema(phase="3")
    running, complete = item() | {"phase": {"N": "2"}}, item() | {"phase": {"N": "3"}}
    assert [each.action for each in requested(moved(running, complete), schema)] == ["promote"]
    assert [each.action for each in requested(moved(complete, running), schema)] == ["withdraw"]
    assert isinstance(changes_of(moved(item("3"), complete), schema), Ignored)


def test_leaving_the_phase_may_withdraw_nothing() -> None:
    """But a version that changes its type is withdrawn from the old one."""
    schema = Schema(withdraws_on_leave=False)
    complete, left = item(), item() | {"phase": {"S": "REJECTED"}}
    ignored = changes_of(moved(complete, left), schema)
    assert isinstance(ignored, Ignored)
    assert "left the phase, which withdraws nothing" in ignored.reason
    moved_on = requested(moved(complete, complete | {"type": {"S": "in"}}), schema)
    assert [(each.action, each.type) for each in moved_on] == [
        ("withdraw", "opt"),
        ("promote", "in"),
    ]


@pytest.mark.parametrize(
    ("old_phase", "phase"),
    [("NEW", "PACKAGE_TESTS_COMPLETE"), ("PACKAGE_TESTS_COMPLETE", "REJECTED")],
)
def test_time_of_the_invocation_stands_for_a_missing_time(old_phase: str, phase: str) -> None:
    record = stream_record(7, old_phase=old_phase, phase=phase)
    del record["dynamodb"]["ApproximateCreationDateTime"]
    changes = changes_of(record, SCHEMA, now="2026-11-24T21:00:00Z")
    assert not isinstance(changes, Ignored)
    assert [each.requested_at for each in changes] == ["2026-11-24T21:00:00Z"]
    with pytest.raises(InputError, match="'ApproximateCreationDateTime'"):
        changes_of(record, SCHEMA)


def test_stream_without_old_images_is_a_configuration_to_correct() -> None:
    """Each write of a complete item would look like its entry into the phase."""
    record = moved(None, item())
    record["dynamodb"]["StreamViewType"] = "NEW_IMAGE"
    with pytest.raises(InputError, match=r"no old image.*NEW_AND_OLD_IMAGES"):
        changes_of(record, SCHEMA)


def test_display_up_to_its_limit_is_taken_and_a_larger_one_is_an_error() -> None:
    """The limit counts bytes of UTF-8: a Chinese character has three."""

    def shown(size: int) -> dict[str, Any]:
        text = "\u7248" * (size // 3) + "a" * (size % 3)
        return item() | {"display": {"M": {"t": {"S": text}}}}

    frame = len('{"t":""}')
    (change,) = requested(moved(None, shown(DISPLAY_LIMIT - frame)))
    compact = json.dumps(change.display, ensure_ascii=False, separators=(",", ":"))
    assert len(compact.encode()) == DISPLAY_LIMIT
    with pytest.raises(InputError, match=f"at most {DISPLAY_LIMIT} bytes .* {DISPLAY_LIMIT + 1}"):
        changes_of(moved(None, shown(DISPLAY_LIMIT - frame + 1)), SCHEMA)


def test_change_is_rebuilt_from_its_fields_in_json() -> None:
    image = item() | {"display": {"M": samples.TEXT}}
    (change,) = requested(moved(None, image))
    assert change.display == samples.TEXT_AS_JSON
    rebuilt = Change(**json.loads(json.dumps(asdict(change))))
    assert (rebuilt, rebuilt.release_id) == (change, change.release_id)


def test_samples_of_other_tables_name_what_their_items_lack() -> None:
    schema = Schema(phase="New item!", phase_attribute="Message")
    inserted, modified, removed = samples.generated()["Records"]
    with pytest.raises(InputError, match=r"ExampleTableWithStream.*attribute 'type'.*nothing"):
        changes_of(inserted, schema)
    for record in (modified, removed):
        assert isinstance(changes_of(record, schema), Ignored)


@pytest.mark.parametrize("name", samples.OF_OTHERS)
def test_record_of_another_service_is_an_error(name: str) -> None:
    event = samples.OF_OTHERS[name]
    given_records = event.get("Records") if isinstance(event, dict) else None
    for record in given_records if isinstance(given_records, list) else [event]:
        with pytest.raises(InputError):
            changes_of(record, SCHEMA)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
texts = st.text() | st.sampled_from(
    ["opt", "in", COMPLETE, "1.0.0", "3", "NaN", "1e500", "", "\ud800", "AAEC"]
)
attribute_values = json_values | st.recursive(
    st.dictionaries(st.sampled_from(samples.TYPES), texts | json_values, min_size=1, max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"L": items})
        | st.dictionaries(texts, inner, max_size=3).map(lambda items: {"M": items})
    ),
    max_leaves=5,
)
attributes = ("algorithm", "version", "type", "phase", "display")


@st.composite
def images(draw: st.DrawFn) -> Any:
    """An item that may lack attributes or have any others, or any value."""
    if draw(st.integers(0, 9)) == 0:
        return draw(json_values)
    image: dict[str, Any] = item(draw(st.sampled_from([COMPLETE, "NEW"])))
    for name in draw(st.sets(st.sampled_from(attributes), max_size=2)):
        image[name] = draw(attribute_values)
    return image


@st.composite
def any_records(draw: st.DrawFn) -> Any:
    """A stream record with any value in some of its parts, or any value."""
    if draw(st.integers(0, 9)) == 0:
        return draw(json_values)
    record = moved(draw(images()), draw(images()))
    stream = record["dynamodb"]
    for part in (record, stream):
        for name in draw(st.sets(st.sampled_from(sorted(part)), max_size=1)):
            part[name] = draw(json_values)
    for name in draw(st.sets(st.sampled_from(sorted(stream)), max_size=1)):
        del stream[name]
    return record


@given(record=any_records(), phase=st.sampled_from([COMPLETE, "3"]))
def test_whatever_arrives_is_changes_or_ignored_or_an_error_of_phaseline(
    record: Any, phase: str
) -> None:
    try:
        changes = changes_of(record, Schema(phase=phase), now="2026-11-24T21:00:00Z")
    except PhaselineError as error:
        str(error).encode()
        return
    if not isinstance(changes, Ignored):
        assert changes
        for change in changes:
            json.dumps(asdict(change), ensure_ascii=False, allow_nan=False).encode()
            assert change.position[1] == int(change.sequence)
