"""What a look at an environment found, as data, as lines, as Markdown for a summary or an issue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, get_args

from phaseline.drift.repair import Repaired
from phaseline.drift.report import Explained, Failure, Finding, Kind, Report
from scripts.github.job import escape

LIMIT = 60_000
"""Characters of an issue; GitHub refuses more than 65,536.
https://github.com/orgs/community/discussions/27190
"""
FINDINGS, OTHERS = 45_000, 3_500
"""Characters of it for what was found, and for each other part."""
KINDS: Sequence[Kind] = get_args(Kind)


def headline(report: Report) -> str:
    """What came of it, on one line."""
    found = [count(len(report.findings), "difference")]
    if report.failures:
        found.append(f"{count(len(report.failures), 'check')} not made")
    return f"{report.environment}: {', '.join(found)}"


def data(report: Report, repaired: Iterable[Repaired], issue: Mapping[str, Any]) -> dict[str, Any]:
    """What --json prints."""
    return {
        **asdict(report),
        "fingerprint": report.fingerprint,
        "repaired": [asdict(one) for one in repaired],
        "issue": dict(issue),
    }


def lines(report: Report, repaired: Iterable[Repaired]) -> Iterator[str]:
    """The same for people: what was found by kind, what was mended, what explains a difference,
    what is not known."""
    for kind, findings in _by_kind(report):
        yield f"{kind}:"
        yield from (f"  {one.subject}: {one.sentence}{_mended(one)}" for one in findings)
    parts: list[tuple[str, Iterable[str]]] = [
        ("repaired", (_done(one) for one in repaired)),
        ("not checked", map(_told, report.failures)),
        ("explained", map(_told, report.explained)),
        ("has no check", report.unchecked),
    ]
    for title, told in parts:
        if rows := list(told):
            yield f"{title}:"
            yield from (f"  {one}" for one in rows)
    yield headline(report)


def markdown(report: Report, repaired: Iterable[Repaired] = ()) -> str:
    """The same as Markdown, of which no part is longer than its share of LIMIT."""
    rows = []
    for kind, findings in _by_kind(report):
        rows += ["", f"### {kind}", ""]
        rows += [
            f"- **{escape(one.subject)}**: {escape(one.sentence)}{_place(one)}{_mended(one)}"
            for one in findings
        ]
    text = [f"**{escape(headline(report))}**", *_cut(rows, FINDINGS)]
    text += _part("### Repaired", map(_done, repaired))
    text += _part("### Not checked", map(_told, report.failures))
    text += _part("### Explained", map(_told, report.explained))
    if report.unchecked:
        text += ["", "<details><summary>Has no check</summary>"]
        text += [*_part("", report.unchecked), "", "</details>"]
    return "\n".join(text)


def count(number: int, word: str) -> str:
    """So many of something, in words."""
    return f"{number} {word}{'' if number == 1 else 's'}" if number else f"no {word}s"


def _by_kind(report: Report) -> Iterator[tuple[Kind, Iterator[Finding]]]:
    def kind(finding: Finding) -> int:
        return KINDS.index(finding.kind)

    for index, findings in groupby(sorted(report.findings, key=kind), kind):
        yield KINDS[index], findings


def _part(title: str, told: Iterable[str]) -> Iterator[str]:
    if rows := [f"- {escape(one)}" for one in told]:
        yield from ("", title, "") if title else ("",)
        yield from _cut(rows, OTHERS)


def _cut(rows: Sequence[str], limit: int) -> Iterator[str]:
    """Whole rows up to so many characters, and how many are left out."""
    size = 0
    for number, row in enumerate(rows):
        size += len(row) + 1
        if size > limit:
            yield f"\n{len(rows) - number} lines more. The run's log has them all."
            return
        yield row


def _told(one: Explained | Failure) -> str:
    return f"{one.subject}: {one.sentence}"


def _done(repaired: Repaired) -> str:
    return f"{repaired.repair.action}: {repaired.sentence}{'' if repaired.done else ' (not done)'}"


def _mended(finding: Finding) -> str:
    return f" (--repair: {finding.repair.action})" if finding.repair else ""


def _place(finding: Finding) -> str:
    if finding.file is None:
        return ""
    return f" `{finding.file}{f':{finding.line}' if finding.line else ''}`"
