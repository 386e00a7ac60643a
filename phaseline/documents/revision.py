"""Pure: the documents' revisions as CodePipeline carries them.

An object's metadata names the revision of its document, and CodePipeline shows it as the summary of
a source's revision. An action's output variable names the revisions of all documents; it may be put
into the JSON of another action's parameters, so the text holds no quotes: `in=3,opt=7,out=2`.
"""

import re
from collections.abc import Mapping

SUMMARY = "revision {}"
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ArtifactRevision.html"""


def summary(revision: int) -> str:
    """What CodePipeline shows of a document's version: `revision 7`."""
    return SUMMARY.format(revision)


def in_summary(text: str) -> int | None:
    """The revision that a summary of CodePipeline's names; None where somebody else wrote it."""
    found = re.fullmatch(SUMMARY.format(r"(\d+)"), text)
    return int(found[1]) if found else None


def render(revisions: Mapping[str, int]) -> str:
    """The revisions as text; `none` where there are no documents, since no variable is empty."""
    return ",".join(f"{type_}={revisions[type_]}" for type_ in sorted(revisions)) or "none"
