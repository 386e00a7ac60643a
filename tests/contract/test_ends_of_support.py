"""The runtimes and images of the templates are supported for at least another 180 days."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped] # it has no types
import pytest
import yaml

from phaseline.deploy.plan import EVERY
from tests.builders.account import deployed

TABLE = yaml.safe_load(Path(__file__).with_name("ends_of_support.yaml").read_text(encoding="utf-8"))
LIFECYCLE = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json"
NOTICE = timedelta(days=180)
"""Lambda announces the end of a runtime at least 180 days before.
https://docs.aws.amazon.com/lambda/latest/dg/runtime-support-policy.html"""


def used() -> set[str]:
    """The runtimes and images of the templates with the default parameters."""
    account = deployed("production")
    return {name for stack in EVERY for name in _names(account.stacks[stack].template["Resources"])}


def _names(value: Any) -> Iterator[str]:
    """The values of properties that are called Runtime or Image."""
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"Runtime", "Image"}:
                pipeline = deployed("production").stacks["pipeline"]
                yield str(pipeline.value(item))
            yield from _names(item)


def ending(names: set[str], table: Mapping[str, Mapping[str, Any]], today: date) -> list[str]:
    """What ends within the notice, or has ended, with the day."""
    ends = {name: table[name]["end"] for name in names}
    return [
        f"the support of {name} ends on {end}: {table[name]['link']}"
        for name, end in sorted(ends.items())
        if end is not None and end - today <= NOTICE
    ]


def test_runtimes_and_images_are_supported() -> None:
    """Fails from 180 days before the end of a support on, with the day."""
    assert ending(used(), TABLE, datetime.now(UTC).date()) == []


def test_table_has_what_the_templates_use_and_nothing_else() -> None:
    assert used() == TABLE.keys()
    assert all(one["link"].startswith("https://docs.aws.amazon.com/") for one in TABLE.values())


def test_lambda_runtimes_end_as_cfn_lint_says() -> None:
    """Two sources, so that a changed date is noticed when cfn-lint is updated."""
    lifecycle = json.loads(LIFECYCLE.read_text(encoding="utf-8"))
    for name in used() & lifecycle.keys():
        assert str(TABLE[name]["end"]) == lifecycle[name]["deprecated"]


@pytest.mark.parametrize(
    ("today", "lines"),
    [
        (date(2028, 12, 31), 0),
        (date(2029, 1, 1), 1),
        (date(2029, 6, 30), 1),
        (date(2031, 1, 1), 1),
    ],
)
def test_end_is_told_180_days_before(today: date, lines: int) -> None:
    found = ending({"python3.14", "cloudfront-js-2.0"}, TABLE, today)
    assert len(found) == lines
    assert all("python3.14 ends on 2029-06-30" in line for line in found)
