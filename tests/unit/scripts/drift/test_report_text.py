"""The texts of a drift report: lines for people, Markdown and JSON."""

import json

from phaseline.drift.lost_versions import Repaired
from phaseline.drift.report import Explained, Failure, Finding, Repair, Report
from scripts.drift import report_text
from tests.builders.findings import CLEAN, FOUND

DONE = Repaired(Repair("release"), "opt/route-planner 2.0.0 was promoted")
REFUSED = Repaired(Repair("build"), "it is on hold", done=False)


def test_lines_name_each_finding_repair_and_failure() -> None:
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
        "demo: 2 differences, 1 check failed",
    ]


def test_report_without_findings_says_so_and_lists_the_unchecked() -> None:
    assert list(report_text.lines(CLEAN, ()))[-1] == "demo: no differences"
    assert "has no check:" in list(report_text.lines(CLEAN, ()))


def test_markdown_escapes_quoted_text() -> None:
    """A quoted tag or mention has no effect, and a finding names its file and line."""
    text = report_text.markdown(FOUND, [DONE])
    assert "### stack-drift\n\n- **stack demo-site**: " in text
    assert r"expected \<a\>, found \@<!-- -->all. `infra/site.yaml:12`" in text
    assert "### Not checked\n\n- website: it was not reached" in text
    assert "### Repaired\n\n- release: opt/route-planner" in text
    assert text.endswith("</details>")


def test_long_markdown_is_cut_to_whole_lines() -> None:
    """Each part keeps within its share of GitHub's limit, and says how many lines are missing."""
    many = [Finding("code", f"function {n:06}", "x", "y" * 90) for n in range(50_000)]
    explained = [Explained(f"opt/{n:06}", "z" * 90) for n in range(50_000)]
    failures = [Failure(f"stack {n:06}", "w" * 90) for n in range(50_000)]
    repaired = [Repaired(Repair("build"), "v" * 90) for _ in range(50_000)]
    report = Report("demo", "", tuple(many), tuple(explained), ("a",) * 50_000, tuple(failures))
    text = report_text.markdown(report, repaired)
    assert len(text) <= report_text.LIMIT
    shown = text.count("- **function")
    assert f"{50_000 - shown} more lines. The log of the run has all of them." in text
    assert "### Explained" in text
    assert text.endswith("</details>")


def test_json_contains_the_whole_report() -> None:
    data = json.loads(json.dumps(report_text.data(FOUND, [DONE], {"number": 3})))
    assert data["fingerprint"] == FOUND.fingerprint
    assert data["findings"][1]["repair"] == {"action": "release", "target": {"type": "opt"}}
    assert data["repaired"][0]["sentence"] == DONE.sentence
    assert (data["issue"], data["failures"][0]["subject"]) == ({"number": 3}, "website")
