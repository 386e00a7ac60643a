"""The order of versions."""

import re

_CHUNK = re.compile(r"(\d+)|([A-Za-z]+)")
_END = (1, 0, "")


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts versions as people read them: 2.9 before 2.10, and 2.1.0-rc.1 before 2.1.0.

    Numbers count as numbers and come after words, and the end of a version after a word and before
    a number. The text decides between those that are alike.
    """
    chunks = [
        (2, int(number), "") if number else (0, 0, word.lower())
        for number, word in _CHUNK.findall(version)
    ]
    return (*chunks, _END, (0, 0, version))
