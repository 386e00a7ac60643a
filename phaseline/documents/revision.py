"""Pure: the documents' revisions as one value, for an action's output variables.

They are text that may be put into the JSON of another action's parameters, so the text holds no
quotes: `in=3,opt=7,out=2`.
"""

from collections.abc import Mapping


def render(revisions: Mapping[str, int]) -> str:
    """The revisions as text; `none` where there are no documents, since no variable is empty."""
    return ",".join(f"{type_}={revisions[type_]}" for type_ in sorted(revisions)) or "none"
