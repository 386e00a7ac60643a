"""The journal of a release: its steps as JSON, as a job's summary and as a step's outputs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.errors import InputError, PhaselineError, RefusedError
from phaseline.github.markdown import escape, fenced, link
from scripts.cli.console import ConsoleStep, duration
from scripts.release.subject import AttributedMove, Subject

DONE, ALREADY_DONE, SUPERSEDED, DRY_RUN = "done", "already-done", "superseded", "dry-run"
RECORDED = "recorded"
"""The documents have the request, which changes no version."""
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
"""Characters of the diff in a summary, which GitHub limits to 1 MiB. --json has the whole diff."""


@dataclass(frozen=True)
class Differences:
    """The changes that a dry run predicts: in the documents and on the website in sentences, and
    of the documents' text as a unified diff."""

    documents: tuple[str, ...]
    website: tuple[str, ...]
    text: str


@dataclass
class Journal:
    """The record of a release in progress, which the steps complete.

    `did_work` is True once a step had something left to do. `steps` are the console's.
    """

    environment: str
    request: str
    steps: Sequence[ConsoleStep]
    clock: Callable[[], float] = time.monotonic
    subjects: tuple[Subject, ...] = ()
    execution: str | None = None
    execution_url: str | None = None
    site_url: str | None = None
    outcome: str = INTERRUPTED
    did_work: bool = False
    differences: Differences | None = None
    error: PhaselineError | None = None
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._started = self.clock()

    def fail(self, error: PhaselineError) -> None:
        """Record that the release ended with an error, whose notes are lines of a build's log."""
        self.error, self.log = error, tuple(getattr(error, "__notes__", ()))
        self.outcome = REFUSED if isinstance(error, RefusedError | InputError) else FAILED

    @property
    def continues(self) -> str:
        """A note that says what continues after an interruption."""
        if self.execution:
            return f"the pipeline execution {self.execution} continues without this command"
        if any(subject.changed for subject in self.subjects):
            return "the new document version starts the pipeline without this command"
        return "no pipeline execution is followed yet"

    @property
    def seconds(self) -> float:
        return self.clock() - self._started

    @property
    def moves(self) -> tuple[AttributedMove, ...]:
        return tuple(move for subject in self.subjects for move in subject.moves)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if self.error:
            return str(self.error)
        changes = "; ".join(str(move) for move in self.moves[:MOVES_SHOWN]) or self.request
        if self.outcome in {RECORDED, ALREADY_DONE} and not self.execution:
            return f"{self.request}: {'; '.join(subject.note for subject in self.subjects)}"
        endings = {
            DONE: "visitors are served it",
            ALREADY_DONE: "already done, visitors are served it",
            SUPERSEDED: "visitors are served a newer version",
            DRY_RUN: "dry run, nothing was changed",
            INTERRUPTED: f"interrupted; {self.continues}",
        }
        return f"{changes}: {endings.get(self.outcome, self.outcome)}"

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the step on GitHub Actions. Unknown values are empty."""
        versions = [
            subject.document_version for subject in self.subjects if subject.document_version
        ]
        return {
            "outcome": self.outcome,
            "release-id": ",".join(move.release for move in self.moves if move.release),
            "execution-id": self.execution or "",
            "execution-url": self.execution_url or "",
            "site-url": self.site_url or "",
            "document-version": ",".join(versions),
        }

    def data(self) -> dict[str, Any]:
        """Return the journal as --json prints it."""
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
        """Return the lines that people read."""
        yield self.sentence
        if self.differences:
            yield from (f"document: {line}" for line in self.differences.documents)
            yield from (f"website: {line}" for line in self.differences.website)
            yield from self.differences.text.splitlines()
        yield from (url for url in (self.execution_url, self.site_url) if url)

    def markdown(self) -> str:
        """Return the job's summary: the result, the change with who and why, and the steps."""
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
        if self.log:
            lines += ["", "### Last lines of the build", "", *fenced("\n".join(self.log), "text")]
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
