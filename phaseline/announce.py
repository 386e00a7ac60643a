"""Pure: Slack messages as plain values (Block Kit), within Slack's limits.

Whatever comes from outside is escaped first and cut afterwards, so that no text can mention a
channel and no cut leaves half an entity.
https://docs.slack.dev/messaging/formatting-message-text
https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phaseline.actions import FailedAction
from phaseline.ledger import Release

HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
FIELD_LIMIT = 2_000
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50
TEXT_LIMIT = 1_000
"""Characters of the text that notifications show in place of the blocks; Slack advises 4,000."""
RELEASES_LIMIT = 20
"""Releases that one message lists; the ledger knows the rest."""
URL_LIMIT = 1_500
"""Characters of an address: a longer one would be cut within its field and lead nowhere."""
CUT = "\N{HORIZONTAL ELLIPSIS}"
CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://console.amazonaws.cn",
    "aws-us-gov": "https://console.amazonaws-us-gov.com",
}


@dataclass(frozen=True)
class Message:
    """A Slack message: `text` for notifications, `blocks` for the channel."""

    text: str
    blocks: tuple[dict[str, Any], ...]


def published(
    *,
    environment: str,
    site_url: str,
    commit: str,
    seconds: float | None,
    releases: Sequence[Release],
    execution_url: str,
) -> Message:
    """The website was published with `releases`; `seconds` is how long the execution took."""
    title = f"{environment}: {_headline(releases)}"
    fields = [
        f"*Website*\n{link(site_url, site_url)}",
        f"*Commit*\n`{clean(commit[:7] or 'unknown', FIELD_LIMIT - 20)}`",
        f"*Pipeline*\n{link(execution_url, 'execution')}",
    ]
    if seconds is not None:
        fields.append(f"*Duration*\n{duration(seconds)}")
    listed = _list(releases) or "No algorithm changes its version; the website itself did."
    return _message(title, "\N{WHITE HEAVY CHECK MARK}", [_section(listed), _fields(fields)])


def failed(
    *,
    environment: str,
    pipeline: str,
    execution: str,
    failure: FailedAction | None,
    execution_url: str,
) -> Message:
    """An execution failed; `failure` is what CodePipeline tells about it, if anything."""
    if failure is None:
        title = f"{environment}: publishing failed"
        reason = "Which action failed is not known: look at the execution."
        place = "unknown"
    else:
        title = f"{environment}: publishing failed in {failure.stage}"
        reason = failure.reason.strip() or "no reason was given"
        place = f"{failure.stage} / {failure.action}"
    logs = link(failure.log_url, "open") if failure and failure.log_url else "none known"
    fields = [
        f"*Stage and action*\n{clean(place, FIELD_LIMIT - 20)}",
        f"*Logs*\n{logs}",
        f"*Pipeline*\n{link(execution_url, pipeline)}",
        f"*Execution*\n`{clean(execution, 100)}`",
    ]
    # Plain text: in a reason, `*` and `_` are no formatting.
    why = {"type": "plain_text", "text": clean(reason, SECTION_LIMIT), "emoji": False}
    body = [{"type": "section", "text": why}, _fields(fields)]
    return _message(title, "\N{CROSS MARK}", body, text=f"{title}: {' '.join(reason.split())}")


def _headline(releases: Sequence[Release]) -> str:
    """What changed, in a line: the first release by name, the others as a number."""
    if not releases:
        return "website published"
    first, more = releases[0], len(releases) - 1
    done = f"{first.version} is live" if first.version else "is withdrawn"
    return f"{first.algorithm} {done}" + (f" (+{more} more)" if more else "")


def reported(
    *,
    environment: str,
    succeeded: bool,
    title: str,
    what: str,
    facts: Mapping[str, str | None],
    links: Mapping[str, str | None],
) -> Message:
    """A command's own report: `what` came of it in a sentence, then facts and links by label."""
    fields = [
        f"*{clean(label, 100)}*\n{clean(fact, FIELD_LIMIT - 200)}"
        for label, fact in facts.items()
        if fact
    ]
    fields += [f"*{clean(label, 100)}*\n{link(url, 'open')}" for label, url in links.items() if url]
    sign = "\N{WHITE HEAVY CHECK MARK}" if succeeded else "\N{CROSS MARK}"
    # Plain text, as in a failure: `*` and `_` are no formatting.
    told = {"type": "plain_text", "text": clean(what, SECTION_LIMIT), "emoji": False}
    body: list[dict[str, Any]] = [{"type": "section", "text": told}]
    if fields:
        body.append(_fields(fields[:FIELDS_LIMIT]))
    return _message(f"{environment}: {title}", sign, body, text=f"{environment}: {what}")


def _message(
    title: str, sign: str, body: Sequence[dict[str, Any]], *, text: str | None = None
) -> Message:
    """A message under a header; notifications show `text`, or the title where none is given."""
    header = {"type": "plain_text", "text": clean(f"{sign} {title}", HEADER_LIMIT), "emoji": True}
    blocks = ({"type": "header", "text": header}, *body)
    return Message(clean(f"{sign} {text or title}", TEXT_LIMIT), blocks[:BLOCKS_LIMIT])


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _fields(fields: Sequence[str]) -> dict[str, Any]:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": field} for field in fields]}


def _list(releases: Sequence[Release]) -> str:
    """One line for each release that fits, whole lines only, and how many there are beside."""
    lines: list[str] = []
    room = SECTION_LIMIT - len(f"and {len(releases)} more")
    for release in releases[:RELEASES_LIMIT]:
        line = _line(release)
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    more = len(releases) - len(lines)
    return "\n".join(lines + ([f"and {more} more"] if more else []))


def _line(release: Release) -> str:
    name = f"{clean(release.type, 10)} *{clean(release.algorithm, 600)}*"
    before = f", was {clean(release.previous, 600)}" if release.previous else ""
    if release.version is None:
        return f"\N{BULLET} {name} withdrawn{before}"
    return f"\N{BULLET} {name} \N{RIGHTWARDS ARROW} {clean(release.version, 600)}{before}"


def clean(text: str, limit: int) -> str:
    """`text` escaped for Slack, then cut to `limit` characters between two entities."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    kept = escaped[: limit - len(CUT)]
    start = kept.rfind("&")
    if start >= 0 and ";" not in kept[start:]:
        kept = kept[:start]
    return kept + CUT


def link(url: str, label: str) -> str:
    """`url` under a `label`, or the label alone where the address can't be written in Slack.

    `|` and `>` would end the address, so they are encoded.
    """
    safe = quote(url, safe="/:?#[]@!$&'()*+,;=%~").replace("&", "&amp;")
    if not url.startswith(("https://", "http://")) or len(safe) > URL_LIMIT:
        return clean(label, 400)
    return f"<{safe}|{clean(label, 400)}>"


def duration(seconds: float) -> str:
    """A duration as people say it: 48 s, 3 min 5 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def execution_url(*, partition: str, region: str, pipeline: str, execution: str) -> str:
    """The console's page of an execution, in the partition's own console."""
    console = CONSOLES.get(partition, CONSOLES["aws"]).format(region=region)
    return (
        f"{console}/codesuite/codepipeline/pipelines/{quote(pipeline)}"
        f"/executions/{quote(execution)}/timeline?region={region}"
    )
