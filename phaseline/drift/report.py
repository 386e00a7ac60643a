"""What a look at an environment finds: where declared, recorded and served are not the same.

Plain values that the checks make and that the command, its issue and its repairs read. What a hold
or a person explains is no finding; what could not be looked at is a failure, never in sync.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "lost-promotion",
    "lost-withdrawal",
    "edited-document",
    "unreadable-document",
    "old-site",
    "old-cache",
    "wrong-site",
    "open-release",
    "owed-dispatch",
    "stack-drift",
    "missing-stack",
    "template",
    "parameter",
    "code",
    "pipeline",
    "connection",
]
RepairAction = Literal["release", "build", "invalidate", "redeploy", "close"]


@dataclass(frozen=True)
class Repair:
    """What mends a finding: an action, and what it is done to ({"type": "opt", ...})."""

    action: RepairAction
    target: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `subject` names it ("opt/route-planner", "stack phaseline-production-site", "website") and
    `found` what distinguishes this drift of it from another ("2.1.0 is tested, 2.0.0 is active"):
    no time or count that changes by itself. `sentence` tells what is expected, what was found and
    what to do. Without a `repair` a person has to decide. `file` is the template that declares it,
    from the top of the repository, with its `line` where that is known.
    """

    kind: Kind
    subject: str
    found: str
    sentence: str
    repair: Repair | None = None
    file: str | None = None
    line: int | None = None

    @property
    def key(self) -> str:
        """The same for the same drift at each look."""
        return json.dumps([self.kind, self.subject, self.found])


@dataclass(frozen=True)
class Explained:
    """A difference that a hold, a person's decision, a bad mark or a running execution explains."""

    subject: str
    sentence: str


@dataclass(frozen=True)
class Failure:
    """What could not be checked, and why."""

    subject: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """All that one look at an environment found, `at` a time (ISO 8601, UTC).

    `unchecked` names what has no check at all, such as a resource whose drift CloudFormation
    does not detect.
    """

    environment: str
    at: str
    findings: tuple[Finding, ...] = ()
    explained: tuple[Explained, ...] = ()
    unchecked: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The same for the same findings, in whatever order; "" where there are none."""
        if not self.findings:
            return ""
        keys = sorted({finding.key for finding in self.findings})
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


def together(reports: Sequence[Report]) -> Report:
    """Several checks' reports of one environment as one, `at` the time of the first."""
    return Report(
        environment=reports[0].environment,
        at=reports[0].at,
        findings=tuple(one for report in reports for one in report.findings),
        explained=tuple(one for report in reports for one in report.explained),
        unchecked=tuple(one for report in reports for one in report.unchecked),
        failures=tuple(one for report in reports for one in report.failures),
    )
