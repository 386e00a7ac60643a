"""Slack's limits on the blocks of a message, as far as release messages use blocks.

https://docs.slack.dev/reference/block-kit/blocks gives each limit, except TOTAL_CHARACTERS:
Slack does not document it and answers msg_blocks_too_long from about this many on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

BLOCKS = 50
TOTAL_CHARACTERS = 13_200
HEADER_TEXT = 150
SECTION_TEXT = 3_000
SECTION_FIELDS = 10
FIELD_TEXT = 2_000
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BLOCK_ID = 255


def problems(blocks: Any) -> list[str]:
    """Yield Slack's errors about these blocks, each with a JSON pointer."""
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    found = (
        []
        if len(blocks) <= BLOCKS
        else [f"no more than {BLOCKS} items allowed [json-pointer:/blocks]"]
    )
    identities: set[str] = set()
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        if not isinstance(block, dict) or block.get("type") not in CHECKS:
            found.append(f"unsupported type [json-pointer:{where}/type]")
            continue
        found += [f"{text} [json-pointer:{where}{at}]" for at, text in CHECKS[block["type"]](block)]
        identity = block.get("block_id")
        if identity is not None and (identity in identities or len(identity) > BLOCK_ID):
            found.append(f"block_id must be unique and short [json-pointer:{where}/block_id]")
        identities.add(identity or f"unnamed {number}")
    return found


def too_long(blocks: list[Any]) -> bool:
    """Return whether the texts of all blocks together exceed Slack's limit."""
    return sum(map(len, texts(blocks))) > TOTAL_CHARACTERS


def texts(value: Any) -> Iterator[str]:
    """Yield every text in blocks."""
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), str):
            yield value["text"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)


Complaints = Iterator[tuple[str, str]]


def _text(
    value: Any, at: str, most: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> Complaints:
    """Yield the errors of a text object: its type, and its length of at least one character."""
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield at, f"expected a text object of type {' or '.join(kinds)}"
    elif not isinstance(value.get("text"), str) or not value["text"]:
        yield f"{at}/text", "must be more than 0 characters"
    elif len(value["text"]) > most:
        yield f"{at}/text", f"must be less than {most + 1} characters"


def _many(value: Any, at: str, most: int) -> Complaints:
    """Yield the errors of a list, which has between one item and the limit."""
    if not isinstance(value, list) or not value:
        yield at, "must provide at least one item"
    elif len(value) > most:
        yield at, f"no more than {most} items allowed"


def _header(block: Mapping[str, Any]) -> Complaints:
    yield from _text(block.get("text"), "/text", HEADER_TEXT, ("plain_text",))


def _section(block: Mapping[str, Any]) -> Complaints:
    if "text" not in block and "fields" not in block:
        yield "", "must have text or fields"
    if "text" in block:
        yield from _text(block["text"], "/text", SECTION_TEXT)
    if "fields" in block:
        yield from _many(block["fields"], "/fields", SECTION_FIELDS)
        for number, item in enumerate(block["fields"] or []):
            yield from _text(item, f"/fields/{number}", FIELD_TEXT)


def _context(block: Mapping[str, Any]) -> Complaints:
    elements = block.get("elements")
    yield from _many(elements, "/elements", CONTEXT_ELEMENTS)
    for number, item in enumerate(elements or []):
        if not isinstance(item, dict) or item.get("type") != "image":
            yield from _text(item, f"/elements/{number}", SECTION_TEXT)


def _actions(block: Mapping[str, Any]) -> Complaints:
    yield from _many(block.get("elements"), "/elements", ACTION_ELEMENTS)


def _divider(_: Mapping[str, Any]) -> Complaints:
    yield from ()


CHECKS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}
