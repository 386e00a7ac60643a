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

from phaseline.pipeline.actions import Action
from phaseline.releases.release import Release
from phaseline.slack.standing import RELEASES_LIMIT, Standing, State

HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
FIELD_LIMIT = 2_000
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50
TEXT_LIMIT = 1_000
"""Characters of the text that notifications show in place of the blocks; Slack advises 4,000."""
REASON_LIMIT = 300
"""Characters of a failure's reason in the message itself; its thread has the whole."""
URL_LIMIT = 1_500
"""Characters of an address: a longer one would be cut within its field and lead nowhere."""
CUT = "\N{HORIZONTAL ELLIPSIS}"
TEST_FLOW = "the test flow"
"""Who asked, where the table's stream did."""


@dataclass(frozen=True)
class Message:
    """A Slack message: `text` for notifications, `blocks` for the channel."""

    text: str
    blocks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Place:
    """Where it happens: the environment, the website's address, and the execution's page."""

    environment: str
    site_url: str
    execution_url: str | None


def progress(place: Place, standing: Standing) -> Message:
    """How far it has come: the one message, which is edited as that changes."""
    sign, _ = standing.state.value
    title = f"{place.environment}: {_subject(standing)} {_words(standing)}"
    body = []
    if standing.releases:
        body.append(_section(_list(standing)))
        body.append(_plain(_asked(standing.releases)))
    elif standing.state is not State.FAILED:
        body.append(_section("No algorithm changes its version; the website itself does."))
    if standing.state is State.FAILED:
        body.append(_plain(_short_reason(standing.failure)))
    body.append(_fields(_facts(place, standing)))
    text = title
    if standing.state is State.FAILED:
        text = f"{title}: {_short_reason(standing.failure)}"
    return _message(title, sign, body, text=text)


def details(place: Place, standing: Standing) -> Message:
    """What to look for, for the thread: release ids, document version, execution."""
    ids = [clean(release.release_id, 600) for release in standing.releases]
    more = standing.count - len(ids)
    lines = [f"Release `{id_}`" for id_ in ids] + ([f"and {more} more releases"] if more else [])
    if standing.document:
        version = clean(standing.document_version or "unknown", 200)
        lines.insert(0, f"Document {clean(standing.document, 100)}, version `{version}`")
    if standing.execution:
        shown = link(place.execution_url or "", standing.execution)
        lines.insert(0, f"Pipeline execution {shown}, commit `{_commit(standing)}`")
    return _reply("Details", lines)


def failure(place: Place, failed: Action, execution: str) -> Message:
    """A failed action, for the thread: where, why, and the links to look at."""
    title = f"{failed.stage} / {failed.action} failed"
    logs = link(failed.link, "open") if failed.link else "none known"
    fields = [
        f"*Stage and action*\n{clean(f'{failed.stage} / {failed.action}', FIELD_LIMIT - 20)}",
        f"*Logs*\n{logs}",
        f"*Pipeline execution*\n{link(place.execution_url or '', execution)}",
        f"*Since*\n{clean(failed.started, 100)}",
    ]
    reason = (failed.reason or "").strip() or "no reason was given"
    body = [_section(f"*{clean(title, 300)}*"), _plain(reason), _fields(fields)]
    return Message(clean(f"{title}: {' '.join(reason.split())}", TEXT_LIMIT), tuple(body))


def end(standing: Standing) -> Message:
    """How long it took, for the thread: the stages, the slowest marked."""
    title = f"{_subject(standing)} {_words(standing)}"
    lines = [] if standing.seconds is None else [f"{duration(standing.seconds)} altogether"]
    slowest = max((one.seconds for one in standing.stages), default=0.0)
    for one in standing.stages:
        mark = " \N{LEFTWARDS ARROW} slowest" if one.seconds == slowest else ""
        lines.append(f"{clean(one.stage, 100)}: {duration(one.seconds)}{mark}")
    return _reply(title, lines or ["How long it took is not known."])


def _reply(title: str, lines: Sequence[str]) -> Message:
    listed = _whole_lines(lines, SECTION_LIMIT - 320)
    return Message(clean(title, TEXT_LIMIT), (_section(f"*{clean(title, 300)}*\n{listed}"),))


def _subject(standing: Standing) -> str:
    """What it is about, in a few words: the first release by name, the others as a number."""
    if not standing.releases:
        return "website"
    first, more = standing.releases[0], standing.count - 1
    if first.version is None:
        named = f"withdrawal of {first.algorithm}"
    elif first.action == "promote":
        named = f"{first.algorithm} {first.version}"
    else:
        named = f"{first.algorithm} back to {first.version}"
    return named + (f" (+{more} more)" if more > 0 else "")


def _words(standing: Standing) -> str:
    _, words = standing.state.value
    if standing.state is State.FAILED and standing.failure:
        return f"{words} in {standing.failure.stage}"
    if standing.state is State.SUPERSEDED and standing.overtaken_by is not None:
        return f"{words} by revision {standing.overtaken_by}"
    return words


def _short_reason(failed: Action | None) -> str:
    if failed is None:
        return "Which action failed is not known: look at the execution."
    reason = " ".join((failed.reason or "").split()) or "no reason was given"
    return reason if len(reason) <= REASON_LIMIT else reason[: REASON_LIMIT - len(CUT)] + CUT


def _asked(releases: Sequence[Release]) -> str:
    """Who asked for it, and why."""
    who = ", ".join(dict.fromkeys(release.who or TEST_FLOW for release in releases))
    why = "; ".join(dict.fromkeys(release.reason for release in releases))
    return f"Asked for by {who}: {why}"


def _facts(place: Place, standing: Standing) -> list[str]:
    fields = [f"*Website*\n{link(place.site_url, place.site_url)}"]
    if standing.execution:
        shown = link(place.execution_url or "", "execution")
        fields.append(f"*Pipeline*\n{shown}\n`{clean(standing.execution, 100)}`")
        fields.append(f"*Commit*\n`{_commit(standing)}`")
    if standing.document:
        fields.append(f"*Document*\n{clean(standing.document, 100)}")
    runs = dict.fromkeys(one.run_url for one in standing.releases if one.run_url)
    fields += [f"*Run*\n{link(url, 'workflow run')}" for url in list(runs)[:1]]
    if standing.failure and standing.failure.link:
        fields.append(f"*Logs*\n{link(standing.failure.link, 'open')}")
    if standing.seconds is not None:
        fields.append(f"*Duration*\n{duration(standing.seconds)}")
    return fields


def _commit(standing: Standing) -> str:
    return clean((standing.commit or "")[:7] or "unknown", 100)


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
    sign, _ = (State.LIVE if succeeded else State.FAILED).value
    body = [_plain(what)]
    if fields:
        body.append(_fields(fields[:FIELDS_LIMIT]))
    return _message(f"{environment}: {title}", sign, body, text=f"{environment}: {what}")


def _message(title: str, sign: str, body: Sequence[dict[str, Any]], *, text: str) -> Message:
    """A message under a header; notifications show `text`."""
    header = {"type": "plain_text", "text": clean(f"{sign} {title}", HEADER_LIMIT), "emoji": True}
    blocks = ({"type": "header", "text": header}, *body)
    return Message(clean(f"{sign} {text}", TEXT_LIMIT), blocks[:BLOCKS_LIMIT])


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _plain(text: str) -> dict[str, Any]:
    """A section of plain text: what people or services wrote, where `*` and `_` are no format."""
    shown = clean(text, SECTION_LIMIT)
    return {"type": "section", "text": {"type": "plain_text", "text": shown, "emoji": False}}


def _fields(fields: Sequence[str]) -> dict[str, Any]:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": field} for field in fields]}


def _list(standing: Standing) -> str:
    """One line for each release that fits, and how many there are beside."""
    lines = [_line(one, standing.ends.get(one.release_id)) for one in standing.releases]
    return _whole_lines(lines, SECTION_LIMIT, standing.count)


def _whole_lines(lines: Sequence[str], limit: int, count: int | None = None) -> str:
    """The first of `lines` that fit into `limit` characters, and how many of `count` are left."""
    count = len(lines) if count is None else max(count, len(lines))
    kept: list[str] = []
    room = limit - len(f"and {count} more")
    for line in lines[:RELEASES_LIMIT]:
        if len(line) + 1 > room:
            break
        kept.append(line)
        room -= len(line) + 1
    more = count - len(kept)
    return "\n".join(kept + ([f"and {more} more"] if more else []))


def _line(release: Release, ended: str | None) -> str:
    name = f"{clean(release.type, 10)} *{clean(release.algorithm, 600)}*"
    before = f", was {clean(release.previous, 600)}" if release.previous else ""
    to = "withdrawn" if release.version is None else clean(release.version, 600)
    arrow = "" if release.version is None else "\N{RIGHTWARDS ARROW} "
    since = f" ({ended})" if ended else ""
    id_ = clean(release.release_id, 600)
    return f"\N{BULLET} {name} {arrow}{to}{before}{since} `{id_}`"


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
