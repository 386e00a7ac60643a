"""Pure: the parameters of an existing algorithms table, found in its keys and in a few items."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phaseline.algorithms.attributes import string_or_none, text_or_none
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import Schema
from phaseline.errors import ConfigurationError
from scripts.account import rules
from scripts.account.rules import Status

DEFAULT = Schema()
DEFAULTS = {
    "AlgorithmAttribute": DEFAULT.algorithm_attribute,
    "VersionAttribute": DEFAULT.version_attribute,
    "TypeAttribute": DEFAULT.type_attribute,
    "PhaseAttribute": DEFAULT.phase_attribute,
}
"""The parameters with the names of attributes, and their defaults."""


def parameters(
    table: Mapping[str, Any], items: Sequence[Mapping[str, Any]], phase: str
) -> dict[str, dict[str, str]]:
    """Return the parameters of a table, as DescribeTable returns it, by section.

    The partition key is the algorithm, and the sort key the version. The attribute of the type is
    the one whose values are `in`, `opt` or `out`, and that of the phase the one that has the value
    `phase` in an item. A name that cannot be told has its default. Raises ConfigurationError if the
    table has no stream, or one without both images.
    """
    arn = table.get("LatestStreamArn")
    if not arn or not table.get("StreamSpecification", {}).get("StreamEnabled"):
        raise ConfigurationError(
            f"table {table['TableName']}",
            "it has no stream",
            "Enable a stream with new and old images, and run this again.",
        )
    keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
    stream = {**table["StreamSpecification"], "StreamStatus": "ENABLED"}
    judged = rules.stream({**stream, "KeySchema": table["KeySchema"]}, keys["HASH"])
    if judged.status is not Status.HOLDS:
        remedy = f"{judged.remedy} Then run this again."
        raise ConfigurationError(f"table {table['TableName']}", judged.found, remedy)
    found = {
        "AlgorithmAttribute": keys["HASH"],
        "VersionAttribute": keys.get("RANGE"),
        "TypeAttribute": _attribute(items, lambda value: string_or_none(value) in TYPES, each=True),
        "PhaseAttribute": _attribute(items, lambda value: text_or_none(value) == phase),
    }
    named = {name: value for name, value in found.items() if value and value != DEFAULTS[name]}
    listener = {**named, **({"Phase": phase} if phase != DEFAULT.phase else {})}
    return {"common": {"ExistingStreamArn": arn}, **({"listener": listener} if listener else {})}


def _attribute(
    items: Sequence[Mapping[str, Any]], fits: Callable[[Any], bool], *, each: bool = False
) -> str | None:
    """Return the only attribute whose value fits in one item, or in each item that has it."""
    names = dict.fromkeys(name for item in items for name in item)
    fitting = [
        name
        for name in names
        if (all if each else any)(fits(item[name]) for item in items if name in item)
    ]
    return fitting[0] if len(fitting) == 1 else None
