"""The texts of a drift report: JSON data, lines for people, and Markdown for summary and issue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, get_args

from phaseline.drift.lost_versions import Repaired
from phaseline.drift.report import Explained, Failure, Finding, FindingKind, Report
from phaseline.github.markdown import code, escape

LIMIT = 60_000
"""Characters of an issue. GitHub refuses more than 65,536.
https://github.com/orgs/community/discussions/27190
"""
FINDINGS, OTHERS = 45_000, 3_500
"""Characters of the issue for the findings, and for each other part."""
KINDS: Sequence[FindingKind] = get_args(FindingKind)


def headline(report: Report) -> str:
    """Return the result on one line."""
    counts = [count(len(report.findings), "difference")]
    if report.failures:
        counts.append(f"{count(len(report.failures), 'check')} failed")
    return f"{report.environment}: {', '.join(counts)}"


def data(report: Report, repaired: Iterable[Repaired], issue: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as --json prints it."""
    return {
        **asdict(report),
        "fingerprint": report.fingerprint,
        "repaired": [asdict(result) for result in repaired],
        "issue": dict(issue),
    }


def lines(report: Report, repaired: Iterable[Repaired]) -> Iterator[str]:
    """Return the lines for people: findings by kind, repairs, failed checks, explained differences,
    and resources that have no check."""
    for kind, findings in _by_kind(report):
        yield f"{kind}:"
        yield from (
            f"  {finding.subject}: {finding.sentence}{_repair_note(finding)}"
            for finding in findings
        )
    parts: list[tuple[str, Iterable[str]]] = [
        ("repaired", map(_repair_line, repaired)),
        ("not checked", map(_sentence, report.failures)),
        ("explained", map(_sentence, report.explained)),
        ("has no check", report.unchecked),
    ]
    for title, sentences in parts:
        if rows := list(sentences):
            yield f"{title}:"
            yield from (f"  {row}" for row in rows)
    yield headline(report)


def markdown(report: Report, repaired: Iterable[Repaired] = ()) -> str:
    """Return the report as Markdown. No part is longer than its share of LIMIT."""
    rows = []
    for kind, findings in _by_kind(report):
        rows += ["", f"### {kind}", ""]
        rows += [
            f"- **{escape(finding.subject)}**: {escape(finding.sentence)}"
            f"{_location(finding)}{_repair_note(finding)}"
            for finding in findings
        ]
    text = [f"**{escape(headline(report))}**", *_cut(rows, FINDINGS)]
    text += _part("### Repaired", map(_repair_line, repaired))
    text += _part("### Not checked", map(_sentence, report.failures))
    text += _part("### Explained", map(_sentence, report.explained))
    if report.unchecked:
        text += ["", "<details><summary>Has no check</summary>"]
        text += [*_part("", report.unchecked), "", "</details>"]
    return "\n".join(text)


def count(number: int, word: str) -> str:
    """Return a number and its noun, such as "no checks", "1 check" or "2 checks"."""
    return f"{number} {word}{'' if number == 1 else 's'}" if number else f"no {word}s"


def _by_kind(report: Report) -> Iterator[tuple[FindingKind, Iterator[Finding]]]:
    def kind(finding: Finding) -> int:
        return KINDS.index(finding.kind)

    for index, findings in groupby(sorted(report.findings, key=kind), kind):
        yield KINDS[index], findings


def _part(title: str, sentences: Iterable[str]) -> Iterator[str]:
    if rows := [f"- {escape(sentence)}" for sentence in sentences]:
        yield from ("", title, "") if title else ("",)
        yield from _cut(rows, OTHERS)


def _cut(rows: Sequence[str], limit: int) -> Iterator[str]:
    """Return whole rows of up to `limit` characters, and the number of omitted rows."""
    size = 0
    for number, row in enumerate(rows):
        size += len(row) + 1
        if size > limit:
            yield f"\n{len(rows) - number} more lines. The log of the run has all of them."
            return
        yield row


def _sentence(entry: Explained | Failure) -> str:
    return f"{entry.subject}: {entry.sentence}"


def _repair_line(repaired: Repaired) -> str:
    return f"{repaired.repair.action}: {repaired.sentence}{'' if repaired.done else ' (not done)'}"


def _repair_note(finding: Finding) -> str:
    return f" (--repair: {finding.repair.action})" if finding.repair else ""


def _location(finding: Finding) -> str:
    if finding.file is None:
        return ""
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return f" {code(place)}"
