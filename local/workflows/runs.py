"""A run of a workflow: where it stands, and what came of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.workflows.act_files import Origin
from local.workflows.files import Event

COMPLETED = "completed"
NOISE = ("LocalRepositoryCache", "Couldn't get a valid docker connection", "Cleaning up container")
COMMAND = re.compile(r"::(\w+)(?:\s+(.*?))?::(.*)", re.DOTALL)


def now() -> str:
    """The time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Annotation:
    """A line that a job brought to a person's notice; `level` is error, warning or notice, `file`
    and `line` the place in the repository that it points at, if it does."""

    job: str
    level: str
    title: str
    message: str
    file: str = ""
    line: str = ""


def annotation(job: str, line: str) -> Annotation:
    """What a workflow command says. (act takes all before the last `::` for its properties.)"""
    level, properties, message = COMMAND.match(line).groups()  # type: ignore[union-attr]  # act's
    named = dict(
        item.strip().split("=", 1) for item in (properties or "").split(",") if "=" in item
    )
    title, message, file = (
        text.replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n").replace("%25", "%")
        for text in (named.get("title", ""), message, named.get("file", ""))
    )
    return Annotation(job, level, title, message, file, named.get("line", ""))


@dataclass
class Run:
    """One run.

    `status` is queued, waiting (for an approval), in_progress or completed, and `conclusion` then
    success, failure, cancelled or startup_failure. `jobs` holds each job's own conclusion,
    `outputs` those of steps, by the job's name. `lends_id_token` is whether called workflows that
    declare no permissions may ask for OIDC tokens. `is_cancelled` is set when somebody cancels it.
    The log is `folder / "log.txt"`.
    """

    id: int
    number: int
    event: Event
    origin: Origin
    name: str
    title: str
    folder: Path
    lends_id_token: bool = False
    is_cancelled: bool = False
    status: str = "queued"
    conclusion: str | None = None
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    jobs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    _composites: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.folder / "log.txt"

    @property
    def branch(self) -> str:
        """The branch that GitHub shows beside the run."""
        pull = self.event.payload.get("pull_request")
        return str(pull["head"]["ref"]) if pull else self.event.ref.split("/", 2)[-1]

    def move(self, status: str, conclusion: str | None = None) -> None:
        """Note where the run stands now."""
        self.status, self.conclusion, self.updated_at = status, conclusion, now()

    def ending(self, result: str) -> str:
        """How a job ended, of which act says this: that a cancelled one has failed."""
        return "cancelled" if self.is_cancelled and result == "failure" else result

    def note(self, entry: Mapping[str, Any]) -> str:
        """Take in one line that act printed as JSON; what a person reads of it, if anything."""
        job = str(entry.get("job", "")).removeprefix(f"{self.name}/")
        job = job.replace(f"/{self.name}/", " / ").strip()
        command = entry.get("command")
        if "jobResult" in entry:
            self.jobs[job] = self.ending(entry["jobResult"])
        elif command == "summary":
            self._summarise(job, entry["stepID"], entry["content"])
        elif command in ("error", "warning", "notice"):
            self.annotations.append(annotation(job, entry["raw"].strip()))
        elif command == "set-output":
            self.outputs.setdefault(job, {})[entry["name"]] = entry["arg"]
        text = str(entry.get("msg", "")).rstrip()
        if text.startswith(NOISE):
            return ""
        return f"{job}: {text}" if job else text

    def _summarise(self, job: str, step: list[str], content: str) -> None:
        """Take in a step's summary; after a composite action's steps act repeats the last one."""
        if (job, *step) not in self._composites:
            self.summaries.append(content)
        self._composites.add((job, *step[:-1]))
