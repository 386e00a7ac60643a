"""Pure: the names that a person may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 10
ALIKE = 0.7
"""How much of two names must be the same, from 0 to 1, so that one can be meant by the other."""


def aside(word: str, names: Iterable[str]) -> str:
    """Return the same in brackets behind a space, for the end of a sentence.

    >>> aside("deplo", ["deploy"])
    ' (did you mean deploy?)'
    """
    hint = nearest(word, names).rstrip(".")
    return f" ({hint[0].lower()}{hint[1:]})" if hint else ""


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a sentence with the names that are like `word`, else with all if they are few.

    Return no text if there is none to name.

    >>> nearest("route-planer", ["lane-change", "route-planner"])
    'Did you mean route-planner?'
    >>> nearest("x", ["in", "out"])
    'Known are in, out.'
    >>> nearest("x", [])
    ''
    """
    known = sorted(set(names))
    if close := get_close_matches(word, known, n=3, cutoff=ALIKE):
        return f"Did you mean {' or '.join(close)}?"
    return f"Known are {', '.join(known)}." if 0 < len(known) <= SHOWN else ""
