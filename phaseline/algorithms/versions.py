"""Pure: orders version numbers."""

import re

_CHUNK = re.compile(r"(\d+)|([A-Za-z]+)")
_END = (1, 0, "")


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders versions as people read them.

    A word sorts before the end of a version, and a number after it; numbers compare as integers.
    The complete text decides between versions that are otherwise equal.

    >>> sorted(["2.10", "2.9", "2.1.0", "2.1.0-rc.1"], key=version_order)
    ['2.1.0-rc.1', '2.1.0', '2.9', '2.10']
    """
    chunks = [
        (2, int(number), "") if number else (0, 0, word.lower())
        for number, word in _CHUNK.findall(version)
    ]
    return (*chunks, _END, (0, 0, version))
