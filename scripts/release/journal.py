"""What a release did, step by step, as data, as a job's summary and as a step's outputs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.errors import InputError, PhaselineError, RefusedError
from scripts.cli.console import Step, duration
from scripts.github.job import escape, fenced, link
from scripts.release.subject import Move, Subject

DONE, ALREADY_DONE, SUPERSEDED, DRY_RUN = "done", "already-done", "superseded", "dry-run"
FAILED, REFUSED, INTERRUPTED = "failed", "refused", "interrupted"
GOOD, BAD = "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"
SIGNS = {
    FAILED: BAD,
    REFUSED: "\N{NO ENTRY}",
    INTERRUPTED: BAD,
    DRY_RUN: "\N{LEFT-POINTING MAGNIFYING GLASS}",
}
MOVES_SHOWN = 20
SENTENCES_SHOWN = 50
DIFF_SHOWN = 20_000
"""Characters of a diff in a summary, of which GitHub takes a mebibyte; --json has the whole."""


@dataclass(frozen=True)
class Differences:
    """What a dry run found: what would change in the documents and on the website, in sentences,
    and the documents' text as a unified diff."""

    documents: tuple[str, ...]
    website: tuple[str, ...]
    text: str


@dataclass
class Journal:
    """What is known of a release so far; it is filled as the release goes on.

    `did` is set by the first step that found something left to do; `steps` are the console's.
    """

    environment: str
    request: str
    steps: Sequence[Step]
    clock: Callable[[], float] = time.monotonic
    subjects: tuple[Subject, ...] = ()
    execution: str | None = None
    execution_url: str | None = None
    site_url: str | None = None
    outcome: str = INTERRUPTED
    did: bool = False
    differences: Differences | None = None
    error: PhaselineError | None = None

    def __post_init__(self) -> None:
        self._started = self.clock()

    def fail(self, error: PhaselineError) -> None:
        """Note that the release ended with an error."""
        self.error = error
        self.outcome = REFUSED if isinstance(error, RefusedError | InputError) else FAILED

    @property
    def seconds(self) -> float:
        return self.clock() - self._started

    @property
    def moves(self) -> tuple[Move, ...]:
        return tuple(move for subject in self.subjects for move in subject.moves)

    @property
    def sentence(self) -> str:
        """What came of it."""
        if self.error:
            return str(self.error)
        changes = "; ".join(str(move) for move in self.moves[:MOVES_SHOWN]) or self.request
        endings = {
            DONE: "visitors get it",
            ALREADY_DONE: "already done, visitors get it",
            SUPERSEDED: "visitors get something newer",
            DRY_RUN: "would be done, nothing was changed",
        }
        return f"{changes}: {endings.get(self.outcome, self.outcome)}"

    def outputs(self) -> dict[str, str]:
        """The outputs of a step of GitHub Actions."""
        versions = [one.document_version for one in self.subjects if one.document_version]
        return {
            "outcome": self.outcome,
            "release-id": ",".join(move.release for move in self.moves if move.release),
            "execution-id": self.execution or "",
            "execution-url": self.execution_url or "",
            "site-url": self.site_url or "",
            "document-version": ",".join(versions),
        }

    def data(self) -> dict[str, Any]:
        """What --json prints."""
        return {
            "environment": self.environment,
            "outcome": self.outcome,
            "request": self.request,
            "result": self.sentence,
            "subjects": [subject.data() for subject in self.subjects],
            "differences": asdict(self.differences) if self.differences else None,
            "execution": self.execution,
            "execution_url": self.execution_url,
            "site_url": self.site_url,
            "seconds": round(self.seconds, 1),
            "steps": [asdict(step) for step in self.steps],
        }

    def lines(self) -> Iterator[str]:
        """What is printed for people."""
        yield self.sentence
        if self.differences:
            yield from (f"document: {line}" for line in self.differences.documents)
            yield from (f"website: {line}" for line in self.differences.website)
            yield from self.differences.text.splitlines()
        yield from (url for url in (self.execution_url, self.site_url) if url)

    def markdown(self) -> str:
        """The job's summary: what, from and to, who, why, result, links; then the steps."""
        links = [
            link(label, url)
            for label, url in (("website", self.site_url), ("pipeline", self.execution_url))
            if url
        ]
        rows = [
            ("Result", f"**{self.outcome}** after {duration(self.seconds)}"),
            *(("Change", escape(str(move))) for move in self.moves[:MOVES_SHOWN]),
            ("Release", escape(", ".join(move.release for move in self.moves if move.release))),
            ("Who", escape(", ".join(dict.fromkeys(move.who for move in self.moves)))),
            ("Why", escape("; ".join(dict.fromkeys(move.reason for move in self.moves)))),
            ("Links", ", ".join(links)),
        ]
        lines = [f"## {SIGNS.get(self.outcome, GOOD)} {escape(self.request)}", "", "| | |", "|-|-|"]
        lines += [f"| {name} | {text} |" for name, text in rows if text]
        lines += ["", "| Step | Result | Duration |", "|-|-|-|"]
        lines += [
            f"| {escape(step.step)} | {link(step.result, step.url)} | {duration(step.seconds)} |"
            for step in self.steps
        ]
        if self.differences:
            lines += ["", "### Documents", "", *_bullets(self.differences.documents)]
            lines += ["", "### Website", "", *_bullets(self.differences.website)]
            lines += ["", *fenced(self.differences.text[:DIFF_SHOWN], "diff")]
        return "\n".join([*lines, ""])


def _bullets(sentences: Sequence[str]) -> Iterator[str]:
    yield from (f"- {escape(sentence)}" for sentence in sentences[:SENTENCES_SHOWN])
    if len(sentences) > SENTENCES_SHOWN:
        yield f"- and {len(sentences) - SENTENCES_SHOWN} more"
    if not sentences:
        yield "Nothing changes."
