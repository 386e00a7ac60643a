"""Repairs findings if that is safe, by repeating a step that Phaseline takes anyway.

Each repair first checks that it is still needed, so that a second run, or one at the same time,
changes nothing. A repair that is refused or fails is reported, and the others continue. A repair
writes a document only by a promotion, and never overwrites other changes.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.aws.wording import wording
from phaseline.documents.store import Stored
from phaseline.drift.lost_versions import LostVersions, Repaired
from phaseline.drift.releases import ReleaseCheck
from phaseline.drift.report import Explained, Failure, Finding, Repair, RepairAction, Report
from phaseline.errors import PhaselineError
from phaseline.site import proof
from phaseline.site.cdn import Cdn, Completed, Progress
from phaseline.site.invalidation_paths import EVERYTHING

WHO, REASON = "phaseline drift", "it is tested, and the stream did not bring it"
ORDER: tuple[RepairAction, ...] = ("redeploy", "settle", "close", "release", "build", "invalidate")
"""Functions first, which the others need; then what is live is noted, before the others replace it.
"""


@dataclass(frozen=True)
class Repairs:
    """The repairs of an environment.

    `redeploy` redeploys the function of a repair's target, and returns a sentence about it. `cdn`
    is the website's distribution.
    """

    check: ReleaseCheck
    cdn: Cdn
    redeploy: Callable[[Mapping[str, str]], str]

    def carry_out(self, report: Report) -> tuple[Repaired, ...]:
        """Carry out each repair of the report's findings once."""
        return tuple(
            repaired for group in _groups(report) for repaired in self._tried(group, report)
        )

    def _tried(self, group: Sequence[Repair], report: Report) -> Sequence[Repaired]:
        try:
            return self._made(group, report)
        except (PhaselineError, BotoCoreError, ClientError) as error:
            return [Repaired(repair, wording(error), done=False) for repair in group]

    def _made(self, group: Sequence[Repair], report: Report) -> Sequence[Repaired]:
        match group[0].action:
            case "redeploy":
                return [Repaired(repair, self.redeploy(repair.target)) for repair in group]
            case "release":
                return LostVersions(self.check, WHO, REASON).promote(group)
            case "build":
                return [self._build(group[0])]
            case "invalidate":
                return [self._invalidate(group[0], report)]
            case "settle":
                return self._settle(group)
            case "close":
                return self._close(group)

    def _build(self, repair: Repair) -> Repaired:
        """Start the pipeline with the newest documents, unless an execution is in progress."""
        newest = self.check.newest()
        if running := self.check.under_way():
            return Repaired(repair, f"execution {running} is in progress", execution=running)
        if why := self._needless(repair, newest):
            return why
        known = [stored.version_id for stored in newest.values()]
        known += [execution.id for execution in self.check.executions.newest()[:1]]
        digest = hashlib.sha256(" ".join(["drift", *known]).encode()).hexdigest()
        execution = self.check.executions.start(f"phaseline-{digest[:32]}")
        return Repaired(repair, f"execution {execution} was started", execution=execution)

    def _invalidate(self, repair: Repair, report: Report) -> Repaired:
        """Invalidate all paths in CloudFront, once for each report."""
        if why := self._needless(repair, self.check.newest()):
            return why
        progress: Completed | Progress = Progress(started=self.cdn.clock())
        while isinstance(progress, Progress):
            progress = self.cdn.advance(f"drift-{report.at}", EVERYTHING, progress)
        return Repaired(
            repair, f"the invalidation {progress.invalidation} of all paths has completed"
        )

    def _needless(self, repair: Repair, newest: Mapping[str, Stored]) -> Repaired | None:
        """Return the result of an unneeded repair, or of one whose need is unknown; else None."""
        results = self.check.website(newest)
        if any(isinstance(one, Finding) and one.repair == repair for one in results):
            return None
        for failure in (one for one in results if isinstance(one, Failure)):
            return Repaired(repair, failure.sentence, done=False)
        if running := next((one for one in results if isinstance(one, Explained)), None):
            return Repaired(repair, f"not needed now: {running.sentence}", done=False)
        return Repaired(repair, "no longer needed: the website is correct")

    def _settle(self, group: Sequence[Repair]) -> Sequence[Repaired]:
        """Record what follows from documents, and end the releases that visitors are served."""
        commits, at = self.check.commits, times.second(self.check.now())
        manifest = self.check.fetch(self.check.site_url)
        results = []
        for repair in group:
            type_ = repair.target["type"]
            stored = commits.documents.read(type_)
            commits.settle(stored)
            releases = commits.ledger.open_releases(type_)
            proof.close(commits.ledger, manifest, releases, at=at, link=self.check.site_url)
            sentence = f"revision {stored.document.revision} of the document {type_} is recorded"
            results.append(Repaired(repair, sentence))
        return results

    def _close(self, group: Sequence[Repair]) -> Sequence[Repaired]:
        """End the open releases that visitors are served, or that were overtaken."""
        ledger = self.check.commits.ledger
        manifest = self.check.fetch(self.check.site_url)
        wanted = {repair.target["release"] for repair in group}
        still = [
            release
            for type_ in {repair.target["type"]: None for repair in group}
            for release in ledger.open_releases(type_)
            if release.release_id in wanted
        ]
        at = times.second(self.check.now())
        verdict = proof.close(ledger, manifest, still, at=at, link=self.check.site_url)
        ended = {
            release.release_id: state for releases, state in verdict.ends for release in releases
        }
        return [
            Repaired(repair, f"{name} is {ended.get(name, 'not open and served any more')}")
            for repair in group
            for name in [repair.target["release"]]
        ]


def _groups(report: Report) -> list[list[Repair]]:
    """Return each repair of a report once, in the order of ORDER.

    Repairs that can be carried out together are in one group, such as promotions of one type.
    """
    groups: dict[tuple[RepairAction, str], dict[str, Repair]] = {}
    for repair in (finding.repair for finding in report.findings):
        if repair is None:
            continue
        target = str(sorted(repair.target.items()))
        together = {"release": repair.target.get("type", ""), "redeploy": target}
        group = groups.setdefault((repair.action, together.get(repair.action, "")), {})
        group[target] = repair
    ordered = sorted(groups, key=lambda key: ORDER.index(key[0]))
    return [list(groups[key].values()) for key in ordered]
