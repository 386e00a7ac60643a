"""The parameters of an existing table are found in its keys and items."""

from typing import Any

import pytest

from phaseline.errors import ConfigurationError
from scripts.setup import existing_table

ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/known/stream/2026-01-01T00:00:00.000"
KEYS = [{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "rel", "KeyType": "RANGE"}]
TABLE: dict[str, Any] = {
    "TableName": "known",
    "KeySchema": KEYS,
    "LatestStreamArn": ARN,
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


def item(**values: Any) -> dict[str, Any]:
    named = {"name": "a", "rel": "1", "kind": "opt", "state": "DONE"} | values
    return {
        name: value if isinstance(value, dict) else {"S": value} for name, value in named.items()
    }


def test_names_are_found_and_defaults_are_left_out() -> None:
    items = [item(), item(kind="in", state="RUNNING"), item(kind="out")]
    assert existing_table.parameters(TABLE, items, "DONE") == {
        "common": {"ExistingStreamArn": ARN},
        "listener": {
            "AlgorithmAttribute": "name",
            "VersionAttribute": "rel",
            "TypeAttribute": "kind",
            "PhaseAttribute": "state",
            "Phase": "DONE",
        },
    }
    keys = [{"AttributeName": "algorithm", "KeyType": "HASH"}]
    usual = [{"type": {"S": "in"}, "phase": {"S": "PACKAGE_TESTS_COMPLETE"}}]
    found = existing_table.parameters(TABLE | {"KeySchema": keys}, usual, "PACKAGE_TESTS_COMPLETE")
    assert found == {"common": {"ExistingStreamArn": ARN}}


def test_phase_may_be_a_number() -> None:
    found = existing_table.parameters(TABLE, [item(state={"N": "3"})], "3")
    assert found["listener"]["PhaseAttribute"] == "state"


def test_what_two_attributes_could_be_is_left_to_the_default() -> None:
    items = [item(other="in", last="DONE")]
    found = existing_table.parameters(TABLE, items, "DONE")["listener"]
    assert not {"TypeAttribute", "PhaseAttribute"} & found.keys()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"LatestStreamArn": None}, "it has no stream"),
        ({"StreamSpecification": {"StreamEnabled": False}}, "it has no stream"),
        (
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}},
            "its stream contains NEW_IMAGE",
        ),
    ],
)
def test_table_whose_stream_the_listener_cannot_use_is_refused(
    change: dict[str, Any], found: str
) -> None:
    with pytest.raises(ConfigurationError, match=found):
        existing_table.parameters(TABLE | change, [], "DONE")
