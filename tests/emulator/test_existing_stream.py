"""A stream that the listener would misread is refused before a deployment changes anything."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from phaseline.deploy.plan import Plan
from phaseline.errors import ConfigurationError
from scripts.deploy import existing_stream
from tests.emulator.conftest import Emulator


def stream(emulator: Emulator, view: str, key: str = "algorithm") -> str:
    """The ARN of the stream of a table."""
    keys, table = {key: "HASH", "version": "RANGE"}, f"existing-{view}-{key}"
    made = emulator.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in keys],
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in keys.items()],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


def check(emulator: Emulator, sections: Mapping[str, Mapping[str, str]], *selected: str) -> None:
    plan = Plan("demo", frozenset(selected or {"registry"}), {}, sections, {}, Path(), [])
    existing_stream.check(plan, emulator.client)


def test_key_has_the_name_that_the_parameters_give_it(emulator: Emulator) -> None:
    arn = {"common": {"ExistingStreamArn": stream(emulator, "NEW_AND_OLD_IMAGES", "name")}}
    check(emulator, arn | {"listener": {"AlgorithmAttribute": "name"}})
    with pytest.raises(ConfigurationError, match="its partition key is name"):
        check(emulator, arn)


@pytest.mark.parametrize("view", ["NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"])
def test_stream_without_both_images_is_refused(emulator: Emulator, view: str) -> None:
    arn = stream(emulator, view)
    for stack in ("registry", "listener"):
        with pytest.raises(ConfigurationError, match=f"its stream contains {view}") as raised:
            check(emulator, {"registry": {"ExistingStreamArn": arn}}, stack)
        assert arn in raised.value.where
        assert "Nothing was changed." in raised.value.remedy


def test_stream_that_does_not_exist_is_refused(emulator: Emulator) -> None:
    """A stream that was disabled and enabled has another label."""
    arn = stream(emulator, "NEW_AND_OLD_IMAGES").rpartition("/")[0] + "/2020-01-01T00:00:00.000"
    with pytest.raises(ConfigurationError, match="no such stream"):
        check(emulator, {"common": {"ExistingStreamArn": arn}})


def test_stack_that_does_not_use_the_stream_is_deployed_without_a_look(emulator: Emulator) -> None:
    check(emulator, {"common": {"ExistingStreamArn": "arn:of:nothing"}}, "site")
