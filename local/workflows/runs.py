"""A run of a workflow, with its status and its results."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.workflows.act_files import Origin
from local.workflows.files import Event
from local.workflows.job import CANCELLED

COMPLETED = "completed"
NOISE = ("LocalRepositoryCache", "Couldn't get a valid docker connection", "Cleaning up container")
COMMAND = re.compile(r"::(\w+)(?:\s+(.*?))?::(.*)", re.DOTALL)


def now() -> str:
    """Return the present time in GitHub's format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Annotation:
    """An annotation of a job. `level` is error, warning or notice. `file` and `line` name the
    place in the repository, if there is one."""

    job: str
    level: str
    title: str
    message: str
    file: str = ""
    line: str = ""


def annotation(job: str, line: str) -> Annotation:
    """Return the annotation of a workflow command, in the form in which act reports it."""
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

    `status` is queued, waiting (for an approval), in_progress or completed. The `conclusion` of a
    completed run is success, failure, cancelled or startup_failure. `jobs` contains the conclusion
    of each job, and `outputs` the outputs of steps by job. `lends_id_token` says whether called
    workflows without declared permissions may request OIDC tokens. `is_cancelled` is set when
    somebody cancels the run. The log is `folder / "log.txt"`.
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
    _cancelled: set[str] = field(default_factory=set)
    _composites: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def log(self) -> Path:
        """The path of the log."""
        return self.folder / "log.txt"

    @property
    def branch(self) -> str:
        """The branch that GitHub shows for the run."""
        pull = self.event.payload.get("pull_request")
        return str(pull["head"]["ref"]) if pull else self.event.ref.split("/", 2)[-1]

    def move(self, status: str, conclusion: str | None = None) -> None:
        """Set the status of the run."""
        self.status, self.conclusion, self.updated_at = status, conclusion, now()

    def ending(self, result: str) -> str:
        """Return the conclusion of a job: act reports a cancelled job as failed."""
        return "cancelled" if self.is_cancelled and result == "failure" else result

    def note(self, entry: Mapping[str, Any]) -> str:
        """Record a line that act printed as JSON. Return the text for people, if it has one."""
        job = str(entry.get("job", "")).removeprefix(f"{self.name}/")
        job = job.replace(f"/{self.name}/", " / ").strip()
        command = entry.get("command")
        if "jobResult" in entry:
            cancelled = job in self._cancelled
            self.jobs[job] = "cancelled" if cancelled else self.ending(entry["jobResult"])
        elif command == "summary":
            self._summarise(job, entry["stepID"], entry["content"])
        elif command in ("error", "warning", "notice"):
            self.annotations.append(annotation(job, entry["raw"].strip()))
        elif command == "set-output":
            self.outputs.setdefault(job, {})[entry["name"]] = entry["arg"]
        text = str(entry.get("msg", "")).rstrip()
        if text.endswith(CANCELLED):
            self._cancelled.add(job)
        if text.startswith(NOISE):
            return ""
        return f"{job}: {text}" if job else text

    def _summarise(self, job: str, step: list[str], content: str) -> None:
        """Add the summary of a step. After a composite action, act repeats the last one."""
        if (job, *step) not in self._composites:
            self.summaries.append(content)
        self._composites.add((job, *step[:-1]))
