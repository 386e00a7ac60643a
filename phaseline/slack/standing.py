"""Pure: the progress of a release or an execution, as a message shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from phaseline.pipeline.actions import Action
from phaseline.releases.release import Release

RELEASES_LIMIT = 20
"""Releases that one message lists. The ledger has the others."""


class State(Enum):
    """The state that a message shows: its sign, and the words that follow the subject."""

    WAITING = "\N{HOURGLASS WITH FLOWING SAND}", "waits for the pipeline"
    BUILDING = "\N{HAMMER}", "is being built"
    PUBLISHING = "\N{PACKAGE}", "is being published"
    ANNOUNCING = "\N{SATELLITE ANTENNA}", "is being announced"
    VERIFYING = "\N{LEFT-POINTING MAGNIFYING GLASS}", "is being verified"
    LIVE = "\N{WHITE HEAVY CHECK MARK}", "is live"
    SUPERSEDED = "\N{BLACK RIGHT-POINTING DOUBLE TRIANGLE}", "was superseded"
    ROLLED_BACK = "\N{LEFTWARDS ARROW WITH HOOK}", "was rolled back"
    FAILED = "\N{CROSS MARK}", "failed"
    STOPPED = "\N{OCTAGONAL SIGN}", "was stopped"


@dataclass(frozen=True)
class StageTime:
    """The duration of one stage of the pipeline."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class Standing:
    """The progress of the releases of one document revision. Without releases, it is the progress
    of an execution that brings only another commit of the website.

    `releases` are the first RELEASES_LIMIT of `count`. `ends` maps the ID of each release that is
    no longer live to a word for its end, such as "superseded". `overtaken_by` is the revision that
    replaced this one. `failure` is the failed action. `seconds` is the time from the request to the
    proof.
    """

    state: State
    document: str | None = None
    document_version: str | None = None
    releases: Sequence[Release] = ()
    count: int = 0
    ends: Mapping[str, str] = field(default_factory=dict)
    overtaken_by: int | None = None
    execution: str | None = None
    commit: str | None = None
    failure: Action | None = None
    seconds: float | None = None
    stages: Sequence[StageTime] = ()
