"""The parts of stream records, and events that are none."""

from typing import Any

import pytest

from phaseline.algorithms import records
from phaseline.errors import InputError
from tests.events import samples, stream_record


def test_samples_that_sam_generates_are_read() -> None:
    read = [records.read(record) for record in records.records_in(samples.generated())]
    assert [record.event for record in read] == ["INSERT", "MODIFY", "REMOVE"]
    assert [(record.old is None, record.new is None) for record in read] == [
        (True, False), (False, False), (False, True),
    ]  # fmt: skip
    first = read[0]
    assert first.stream == "ExampleTableWithStream/2015-06-27T00:48:05.899"
    assert first.sequence == "4421584500000000017450439090"
    assert first.changed_at == "2015-04-09T00:00:00Z"
    assert first.where == "table ExampleTableWithStream, item {'Id': '101'}"


def test_stream_is_the_table_and_the_label_in_every_partition() -> None:
    record = stream_record(7)
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        record["eventSourceARN"] = (
            f"arn:{partition}:dynamodb:us-gov-east-1:123456789012:table/a.b-c_d/stream/2026-11-24T20:00:00.000"
        )
        assert records.read(record).stream == "a.b-c_d/2026-11-24T20:00:00.000"


@pytest.mark.parametrize("name", samples.OF_OTHERS)
def test_event_of_another_service_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match=r"expected .* found"):
        records.records_in(samples.OF_OTHERS[name])


def test_error_names_the_service_and_the_position_of_a_foreign_record() -> None:
    event = {"Records": [stream_record(1), *samples.S3["Records"]]}
    with pytest.raises(InputError, match=r"record 2 of 2: .*'eventSource' 'aws:s3'"):
        records.records_in(event)


def change(**parts: Any) -> dict[str, Any]:
    """A record whose part about the change has other parts; None leaves one out."""
    record = stream_record(7)
    record["dynamodb"] |= parts
    return record


@pytest.mark.parametrize("number", [None, 7, "", "seven", "7" * 41, "٣", "-7", "7.0", ["7"], {}])
def test_malformed_sequence_number_is_an_error(number: object) -> None:
    with pytest.raises(InputError, match="'SequenceNumber'"):
        records.read(change(SequenceNumber=number))


@pytest.mark.parametrize("name", [None, "", "insert", "TRUNCATE", 7, ["INSERT"], {}])
def test_malformed_event_name_is_an_error_that_names_the_item(name: object) -> None:
    with pytest.raises(InputError, match=r"table algorithms, item .*'eventName'"):
        records.read(stream_record(7) | {"eventName": name})


@pytest.mark.parametrize(
    "arn", [None, 7, "", "stream-ARN", "arn:aws:dynamodb:us-east-1:123456789012:table/algorithms"]
)
def test_record_of_no_stream_is_an_error(arn: object) -> None:
    with pytest.raises(InputError, match=r"stream record 7: .*'eventSourceARN'"):
        records.read(stream_record(7) | {"eventSourceARN": arn})


@pytest.mark.parametrize("name", ["NewImage", "OldImage"])
def test_null_image_is_no_image_and_another_value_is_an_error(name: str) -> None:
    read = records.read(change(**{name: None}))
    assert (read.new is None, read.old is None) == (name == "NewImage", name == "OldImage")
    images: tuple[object, ...] = ("image", [], 7, False)
    for image in images:
        with pytest.raises(InputError, match=f"table algorithms, item .*'{name}'"):
            records.read(change(**{name: image}))


@pytest.mark.parametrize("keys", [None, {}, [], "keys", 7])
def test_record_without_keys_is_named_by_its_sequence_number(keys: object) -> None:
    assert records.read(change(Keys=keys)).where == "table algorithms, stream record 7"


def test_malformed_keys_are_shown_as_they_are() -> None:
    keys = {"algorithm": "plain", "version": samples.padded({"S": "1.0\n"}), "x": {"S": "a" * 2000}}
    where = records.read(change(Keys=keys)).where
    assert where.startswith("table algorithms, item {'algorithm': 'plain', 'version': '1.0\\n', ")
    assert len(where) < 250


@pytest.mark.parametrize(
    ("seconds", "time"),
    [
        (1428537600, "2015-04-09T00:00:00Z"),
        (1428537600.9, "2015-04-09T00:00:00Z"),
        ("1678831218.0", "2023-03-14T22:00:18Z"),
        (None, None),
        (True, None),
        ("", None),
        ("2026-11-24T20:00:00Z", None),
        (float("nan"), None),
        (float("inf"), None),
        ("1e400", None),
        (10**400, None),
        (1428537600000, None),
        (253402300799, None),
        ([], None),
        ({}, None),
    ],
    ids=repr,
)
def test_time_is_optional_and_a_malformed_one_counts_as_missing(
    seconds: object, time: str | None
) -> None:
    assert records.read(change(ApproximateCreationDateTime=seconds)).changed_at == time
