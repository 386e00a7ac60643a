"""Pure: chooses the messages at which an update looks, so that its work has a bound."""

import zlib
from collections.abc import Sequence
from itertools import chain, islice

from phaseline.slack.progress import News

LIMIT = 40
"""Messages at which one update looks. For each, it reads the releases that the message lists, and
the later releases of the same algorithms."""


def chosen(names: Sequence[str], news: News) -> list[str]:
    """Return at most LIMIT of the messages that may need an update.

    The first half are the first `names`. The others are consecutive ones of the rest, from a place
    that differs from event to event. So each message has its turn, however many there are.
    """
    first, rest = names[: LIMIT // 2], names[LIMIT // 2 :]
    start = zlib.crc32(repr(news).encode()) % max(len(rest), 1)
    return [*first, *islice(chain(rest[start:], rest[:start]), LIMIT - len(first))]
