"""What a look found, as lines, Markdown and an exit code."""

import json

import pytest

from phaseline.drift.repair import Repaired
from phaseline.drift.report import Explained, Failure, Finding, Repair, Report
from phaseline.errors import DriftError, RemoteCallError
from scripts.commands.drift import judge
from scripts.drift import report_text
from tests.builders.findings import CLEAN, FOUND

DONE = Repaired(Repair("release"), "opt/route-planner 2.0.0 was promoted")
REFUSED = Repaired(Repair("build"), "it is on hold", done=False)


def test_lines_for_people() -> None:
    """By kind, with what --repair would do; then what was done, what is not known, and why not."""
    assert list(report_text.lines(FOUND, [DONE, REFUSED])) == [
        "lost-promotion:",
        "  opt/route-planner: 2.0.0 is tested and was never released. (--repair: release)",
        "stack-drift:",
        "  stack demo-site: Bucket is not as declared: expected <a>, found @all.",
        "repaired:",
        "  release: opt/route-planner 2.0.0 was promoted",
        "  build: it is on hold (not done)",
        "not checked:",
        "  website: it was not reached",
        "explained:",
        "  opt/lane-change: 2.0.0 waits behind a hold",
        "has no check:",
        "  stack demo-site: Policy (AWS::S3::BucketPolicy)",
        "demo: 2 differences, 1 check not made",
    ]


def test_nothing_is_told_as_nothing() -> None:
    """What has no check is listed all the same."""
    assert list(report_text.lines(CLEAN, ()))[-1] == "demo: no differences"
    assert "has no check:" in list(report_text.lines(CLEAN, ()))


def test_markdown_means_nothing_of_what_it_quotes() -> None:
    """Neither HTML nor a mention; the file stands with its line."""
    text = report_text.markdown(FOUND, [DONE])
    assert "### stack-drift\n\n- **stack demo-site**: " in text
    assert r"expected \<a\>, found \@all. `infra/site.yaml:12`" in text
    assert "### Not checked\n\n- website: it was not reached" in text
    assert "### Repaired\n\n- release: opt/route-planner" in text
    assert text.endswith("</details>")


def test_a_text_of_many_findings_is_cut() -> None:
    """Part by part, by whole lines, at what GitHub takes; it says how many are left out."""
    many = [Finding("code", f"function {n:06}", "x", "y" * 90) for n in range(50_000)]
    explained = [Explained(f"opt/{n:06}", "z" * 90) for n in range(50_000)]
    failures = [Failure(f"stack {n:06}", "w" * 90) for n in range(50_000)]
    repaired = [Repaired(Repair("build"), "v" * 90) for _ in range(50_000)]
    report = Report("demo", "", tuple(many), tuple(explained), ("a",) * 50_000, tuple(failures))
    text = report_text.markdown(report, repaired)
    assert len(text) <= report_text.LIMIT
    shown = text.count("- **function")
    assert f"{50_000 - shown} lines more. The run's log has them all." in text
    assert "### Explained" in text
    assert text.endswith("</details>")


def test_data_has_all() -> None:
    """As JSON takes it, with the fingerprint that the issue has."""
    data = json.loads(json.dumps(report_text.data(FOUND, [DONE], {"number": 3})))
    assert data["fingerprint"] == FOUND.fingerprint
    assert data["findings"][1]["repair"] == {"action": "release", "target": {"type": "opt"}}
    assert data["repaired"][0]["sentence"] == DONE.sentence
    assert (data["issue"], data["failures"][0]["subject"]) == ({"number": 3}, "website")


def test_drift_is_exit_code_5() -> None:
    """Whatever else is not known; what differs is named."""
    with pytest.raises(DriftError, match="demo: not as declared: stack demo-site, opt") as caught:
        judge(FOUND)
    assert caught.value.exit_code == 5


def test_what_could_not_be_checked_is_exit_code_1() -> None:
    """With the place and the reason."""
    with pytest.raises(RemoteCallError, match=r"website: it was not reached\. Co") as caught:
        judge(Report("demo", "", failures=FOUND.failures))
    assert caught.value.exit_code == 1


def test_the_same_everywhere_is_no_error() -> None:
    """What is explained, or has no check, is no reason to fail."""
    judge(Report("demo", "", explained=FOUND.explained, unchecked=FOUND.unchecked))
