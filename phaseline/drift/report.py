"""The report of a drift check: findings, explained differences and failures.

The checks create these plain values; the drift command, its issue and its repairs read them. A
difference that a hold or a person explains is not a finding. A check that could not run is a
failure; it never counts as in sync.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FindingKind = Literal[
    "lost-promotion",
    "lost-withdrawal",
    "edited-document",
    "unreadable-document",
    "unsettled-document",
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
RepairAction = Literal["release", "build", "invalidate", "redeploy", "settle", "close"]


@dataclass(frozen=True)
class Repair:
    """The repair of a finding: an action and its target, such as {"type": "opt", ...}."""

    action: RepairAction
    target: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A difference between the declared, the recorded and the deployed state.

    `subject` is the thing that differs ("opt/route-planner", "stack phaseline-production-site",
    "website"). `found` distinguishes this drift from others of the same subject ("2.1.0 is tested,
    2.0.0 is active"); it contains no time or count that changes on its own. `sentence` says what
    was expected, what was found and what to do. Without a `repair`, a person has to decide. `file`
    is the path of the template that declares the subject, with the `line` if it is known.
    """

    kind: FindingKind
    subject: str
    found: str
    sentence: str
    repair: Repair | None = None
    file: str | None = None
    line: int | None = None

    @property
    def key(self) -> str:
        """Identity of the finding: equal across checks while the drift stays the same."""
        return json.dumps([self.kind, self.subject, self.found])


@dataclass(frozen=True)
class Explained:
    """A difference that a hold, a person's decision, a bad mark or a running execution explains."""

    subject: str
    sentence: str


@dataclass(frozen=True)
class Failure:
    """A check that could not run, and the reason."""

    subject: str
    sentence: str


@dataclass(frozen=True)
class Report:
    """The result of all checks of an environment, `at` a time (ISO 8601, UTC).

    `unchecked` names the things that have no check, such as a resource whose type has no drift
    detection in CloudFormation.
    """

    environment: str
    at: str
    findings: tuple[Finding, ...] = ()
    explained: tuple[Explained, ...] = ()
    unchecked: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Identity of the findings, which does not depend on their order; "" if there are none."""
        if not self.findings:
            return ""
        keys = sorted({finding.key for finding in self.findings})
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


def together(reports: Sequence[Report]) -> Report:
    """Combine the reports of several checks of one environment; `at` is the time of the first."""
    return Report(
        environment=reports[0].environment,
        at=reports[0].at,
        findings=tuple(finding for report in reports for finding in report.findings),
        explained=tuple(one for report in reports for one in report.explained),
        unchecked=tuple(name for report in reports for name in report.unchecked),
        failures=tuple(failure for report in reports for failure in report.failures),
    )
