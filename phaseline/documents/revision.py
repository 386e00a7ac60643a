"""Pure: formats the revisions of documents for CodePipeline.

The metadata of an S3 object contains the revision of its document as a summary. An output variable
of an action contains the revisions of all documents, as in `in=3,opt=7,out=2`: it has no quotes,
because it may become part of the JSON parameters of another action.
"""

import re
from collections.abc import Mapping

SUMMARY = "revision {}"
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ArtifactRevision.html"""


def summary(revision: int) -> str:
    """Return the revision summary that CodePipeline shows for a document: `revision 7`."""
    return SUMMARY.format(revision)


def in_summary(text: str) -> int | None:
    """Return the revision in a summary, or None if Phaseline did not write the summary.

    >>> in_summary("revision 7")
    7
    """
    match = re.fullmatch(SUMMARY.format(r"(\d+)"), text)
    return int(match[1]) if match else None


def render(revisions: Mapping[str, int]) -> str:
    """Return the revisions of documents by type as the text of an output variable.

    The text is `none` without documents, because CodePipeline allows no empty variable.
    """
    return ",".join(f"{type_}={revisions[type_]}" for type_ in sorted(revisions)) or "none"
