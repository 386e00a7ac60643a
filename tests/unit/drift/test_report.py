"""The findings: when two looks found the same."""

from dataclasses import replace

from phaseline.drift.report import Explained, Failure, Finding, Report, together

LOST = Finding(
    "lost-promotion",
    "opt/route-planner",
    "2.1.0 is tested, 2.0.0 is active",
    "2.1.0 of opt/route-planner is tested and was never released; release it.",
)
OLD = Finding("old-site", "website", "opt", "The website was built from an older document.")


def report(*findings: Finding) -> Report:
    return Report("production", "2026-11-25T10:00:00Z", findings)


def test_equal_findings_have_equal_fingerprints() -> None:
    """At any time and in any order."""
    later = replace(report(OLD, LOST), at="2026-11-26T10:00:00Z")

    assert report(LOST, OLD).fingerprint == later.fingerprint
    assert report(LOST).fingerprint != report(LOST, OLD).fingerprint
    assert report(LOST).fingerprint != report(replace(LOST, found="2.2.0")).fingerprint


def test_fingerprint_does_not_depend_on_the_sentence() -> None:
    assert LOST.key == replace(LOST, sentence="Release it.", line=3).key


def test_report_without_findings_has_no_fingerprint() -> None:
    """Explained differences and failures are not findings."""
    clean = Report(
        "production",
        "2026-11-25T10:00:00Z",
        explained=(Explained("opt/route-planner", "It is on hold."),),
        failures=(Failure("website", "It did not answer."),),
    )

    assert clean.fingerprint == ""


def test_combined_report_keeps_every_part() -> None:
    part = Report("production", "2026-11-25T10:01:00Z", unchecked=("stack a: Queue",))

    whole = together([report(LOST), part, report(OLD)])

    assert whole.findings == (LOST, OLD)
    assert whole.unchecked == ("stack a: Queue",)
    assert whole.at == "2026-11-25T10:00:00Z"
    assert whole.fingerprint == report(OLD, LOST).fingerprint
