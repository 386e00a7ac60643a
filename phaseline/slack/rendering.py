"""Pure: renders Slack messages as Block Kit values, within Slack's limits.

Text from outside is escaped first and cut afterwards. So no text can notify a channel, and no cut
leaves half of an entity such as `&amp;`. Slack links no names in text that is `verbatim`.
https://docs.slack.dev/messaging/formatting-message-text
https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phaseline.pipeline.actions import Action
from phaseline.pipeline.blame import why_no_version
from phaseline.releases.release import Release, scope_of
from phaseline.releases.waiting import Waiting
from phaseline.slack.standing import RELEASES_LIMIT, Standing, State
from phaseline.text import visible

HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
FIELD_LIMIT = 2_000
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50
TEXT_LIMIT = 1_000
"""Characters of the text that notifications show instead of the blocks. Slack advises 4,000."""
REASON_LIMIT = 300
"""Characters of a failure's reason in the message. The thread has the whole reason."""
LOG_LINES, LOG_WIDTH = 15, 180
"""The last lines of a log in the thread, and the characters of each: together, they fit into a
section."""
URL_LIMIT = 1_500
"""Characters of a linked address. A longer one would be cut by its field's limit."""
CUT = "\N{HORIZONTAL ELLIPSIS}"
HELD = "\N{DOUBLE VERTICAL BAR}"
"""The sign of changes that wait behind a hold."""
TEST_FLOW = "the test flow"
"""The requester of a release that a stream record caused."""


@dataclass(frozen=True)
class Message:
    """A Slack message. Notifications show `text`, and the channel shows `blocks`."""

    text: str
    blocks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Place:
    """The environment, the address of its website, and the execution's page in the console."""

    environment: str
    site_url: str
    execution_url: str | None


def progress(place: Place, standing: Standing) -> Message:
    """Return the message about the progress, which is edited with each change."""
    sign, _ = standing.state.value
    title = f"{place.environment}: {_subject(standing)} {_words(standing)}"
    body = []
    if standing.releases:
        body.append(_section(_release_lines(standing)))
        body.append(_plain(_requesters(standing.releases)))
    elif standing.state is not State.FAILED:
        body.append(_section("This changes the website itself, and no algorithm version."))
    if standing.state is State.FAILED:
        body.append(_plain(_short_reason(standing.failure)))
    body.append(_fields(_facts(place, standing)))
    text = title
    if standing.state is State.FAILED:
        text = f"{title}: {_short_reason(standing.failure)}"
    return _message(title, sign, body, text=text)


def details(place: Place, standing: Standing) -> Message:
    """Return the reply with the IDs of execution, document version and releases."""
    ids = [clean(release.release_id, 600) for release in standing.releases]
    more = standing.count - len(ids)
    lines = [f"Release `{id_}`" for id_ in ids] + ([f"and {more} more releases"] if more else [])
    if standing.document:
        version = clean(standing.document_version or "unknown", 200)
        lines.insert(0, f"Document {clean(standing.document, 100)}, version `{version}`")
    if standing.execution:
        linked = link(place.execution_url or "", standing.execution)
        lines.insert(0, f"Pipeline execution {linked}, commit `{_commit(standing)}`")
    return _reply("Details", lines)


def failure(place: Place, failed: Action, execution: str, log: Sequence[str] = ()) -> Message:
    """Return the reply about a failed action: its whole reason, the last lines of its `log`, and
    links to log and execution."""
    title = f"{failed.stage} / {failed.action} failed"
    logs = link(failed.link, "open") if failed.link else "not available"
    fields = [
        f"*Stage and action*\n{clean(f'{failed.stage} / {failed.action}', FIELD_LIMIT - 20)}",
        f"*Logs*\n{logs}",
        f"*Pipeline execution*\n{link(place.execution_url or '', execution)}",
        f"*Started*\n{clean(failed.started, 100)}",
        f"*Can a version be the cause?*\n{clean(_cause(failed), FIELD_LIMIT - 40)}",
    ]
    reason = (failed.reason or "").strip() or "no reason was given"
    body = [_section(f"*{clean(title, 300)}*"), _plain(reason)]
    if log:
        body.append(_plain("\n".join(line[:LOG_WIDTH] for line in log[-LOG_LINES:])))
    body.append(_fields(fields))
    return Message(clean(f"{title}: {' '.join(reason.split())}", TEXT_LIMIT), tuple(body))


def _cause(failed: Action) -> str:
    why = why_no_version(failed)
    return f"No: {why}." if why else "Yes, if it is new in this build: a command of it failed."


def end(standing: Standing) -> Message:
    """Return the reply about durations: the total, and each stage, with the slowest marked."""
    title = f"{_subject(standing)} {_words(standing)}"
    lines = [] if standing.seconds is None else [f"Total: {duration(standing.seconds)}"]
    slowest = max((stage.seconds for stage in standing.stages), default=0.0)
    for stage in standing.stages:
        mark = " \N{LEFTWARDS ARROW} slowest" if stage.seconds == slowest else ""
        lines.append(f"{clean(stage.stage, 100)}: {duration(stage.seconds)}{mark}")
    return _reply(title, lines or ["The duration is unknown."])


def _reply(title: str, lines: Sequence[str]) -> Message:
    text = _whole_lines(lines, SECTION_LIMIT - 320)
    return Message(clean(title, TEXT_LIMIT), (_section(f"*{clean(title, 300)}*\n{text}"),))


def _subject(standing: Standing) -> str:
    """Return the first release and the number of the others, such as `a 2.0.0 (+1 more)`."""
    if not standing.releases:
        return "website"
    first, more = standing.releases[0], standing.count - 1
    if first.version is None:
        name = f"withdrawal of {first.algorithm}"
    elif first.action == "promote":
        name = f"{first.algorithm} {first.version}"
    else:
        name = f"{first.algorithm} back to {first.version}"
    return name + (f" (+{more} more)" if more > 0 else "")


def _words(standing: Standing) -> str:
    _, words = standing.state.value
    if standing.state is State.FAILED and standing.failure:
        return f"{words} in {standing.failure.stage}"
    if standing.state is State.SUPERSEDED and standing.overtaken_by is not None:
        return f"{words} by revision {standing.overtaken_by}"
    return words


def _short_reason(failed: Action | None) -> str:
    if failed is None:
        return "The failed action is unknown. See the pipeline execution."
    reason = " ".join((failed.reason or "").split()) or "no reason was given"
    return reason if len(reason) <= REASON_LIMIT else reason[: REASON_LIMIT - len(CUT)] + CUT


def _requesters(releases: Sequence[Release]) -> str:
    """Return the requesters and the reasons of releases, each once."""
    requesters = ", ".join(dict.fromkeys(release.who or TEST_FLOW for release in releases))
    reasons = "; ".join(dict.fromkeys(release.reason for release in releases))
    return f"Requested by {requesters}: {reasons}"


def _facts(place: Place, standing: Standing) -> list[str]:
    fields = [f"*Website*\n{link(place.site_url, place.site_url)}"]
    if standing.execution:
        linked = link(place.execution_url or "", "execution")
        fields.append(f"*Pipeline*\n{linked}\n`{clean(standing.execution, 100)}`")
        fields.append(f"*Commit*\n`{_commit(standing)}`")
    if standing.document:
        fields.append(f"*Document*\n{clean(standing.document, 100)}")
    runs = dict.fromkeys(release.run_url for release in standing.releases if release.run_url)
    fields += [f"*Run*\n{link(url, 'workflow run')}" for url in list(runs)[:1]]
    if standing.failure and standing.failure.link:
        fields.append(f"*Logs*\n{link(standing.failure.link, 'open')}")
    if standing.seconds is not None:
        fields.append(f"*Duration*\n{duration(standing.seconds)}")
    return fields


def _commit(standing: Standing) -> str:
    return clean((standing.commit or "")[:7] or "unknown", 100)


def held(environment: str, waiting: Waiting) -> Message:
    """Return the message about the changes that wait behind a hold, and how to release them."""
    changes = "1 change waits" if waiting.count == 1 else f"{waiting.count} changes wait"
    title = f"{environment}: {changes} behind the hold of {waiting.subject}"
    lines = [
        f"\N{BULLET} {_held_change(action)} of {clean(algorithm, 600)} {clean(version, 600)}"
        for action, algorithm, version in waiting.changes
    ]
    end_ = f" until {waiting.until}" if waiting.until else ""
    window = f", at {waiting.window}" if waiting.window else ""
    why = f"Held by {waiting.who} since {waiting.since}{end_}{window}: {waiting.reason}"
    command = f"phaseline resume {waiting.subject} --environment {environment} --reason ..."
    body = [
        _section(_whole_lines(lines, SECTION_LIMIT, waiting.count)),
        _plain(why),
        _section(f"To release them: `{clean(command, 1_000)}`"),
    ]
    return _message(title, HELD, body, text=title)


def _held_change(action: str) -> str:
    return "Promotion" if action == "promote" else "Withdrawal"


def released(environment: str, type_: str, algorithm: str, since: str) -> Message:
    """Return the message after the last change behind a hold was released or replaced."""
    subject = scope_of(type_, [algorithm] if algorithm else [])
    title = f"{environment}: no change waits behind the hold of {subject} any more"
    return _message(title, State.LIVE.value[0], [_plain(f"It began {since}.")], text=title)


def reported(
    *,
    environment: str,
    succeeded: bool,
    title: str,
    what: str,
    facts: Mapping[str, str | None],
    links: Mapping[str, str | None],
) -> Message:
    """Return the report of a command: the sentence `what`, then facts and links by their labels.

    A fact or link that is None or empty is left out.
    """
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
    """Return a message with a header. Notifications show `text`."""
    header = {"type": "plain_text", "text": clean(f"{sign} {title}", HEADER_LIMIT), "emoji": True}
    blocks = ({"type": "header", "text": header}, *body)
    return Message(clean(f"{sign} {text}", TEXT_LIMIT), blocks[:BLOCKS_LIMIT])


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    """Return a section for text of people or services, in which `*` and `_` are not markup."""
    cleaned = clean(text, SECTION_LIMIT)
    return {"type": "section", "text": {"type": "plain_text", "text": cleaned, "emoji": False}}


def _fields(fields: Sequence[str]) -> dict[str, Any]:
    return {"type": "section", "fields": list(map(_mrkdwn, fields))}


def _release_lines(standing: Standing) -> str:
    """Return one line for each release that fits, and the number of the others."""
    lines = [
        _release_line(release, standing.ends.get(release.release_id))
        for release in standing.releases
    ]
    return _whole_lines(lines, SECTION_LIMIT, standing.count)


def _whole_lines(lines: Sequence[str], limit: int, count: int | None = None) -> str:
    """Return the first `lines` that fit into `limit` characters, and how many of `count` do not."""
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


def _release_line(release: Release, ended: str | None) -> str:
    name = f"{clean(release.type, 10)} *{clean(release.algorithm, 600)}*"
    previous = f", was {clean(release.previous, 600)}" if release.previous else ""
    version = "withdrawn" if release.version is None else clean(release.version, 600)
    arrow = "" if release.version is None else "\N{RIGHTWARDS ARROW} "
    end_ = f" ({ended})" if ended else ""
    id_ = clean(release.release_id, 600)
    return f"\N{BULLET} {name} {arrow}{version}{previous}{end_} `{id_}`"


def clean(text: str, limit: int) -> str:
    """Return `text` escaped for Slack, and cut to `limit` characters without cutting an entity.

    >>> clean("a < b & c", 20)
    'a &lt; b &amp; c'
    """
    escaped = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    kept = escaped[: limit - len(CUT)]
    start = kept.rfind("&")
    if start >= 0 and ";" not in kept[start:]:
        kept = kept[:start]
    return kept + CUT


def link(url: str, label: str) -> str:
    """Return a link to `url` with the text `label`, or `label` alone if Slack could not open `url`.

    `|` and `>` are encoded, because they would end the address.

    >>> link("https://example.com", "open")
    '<https://example.com|open>'
    """
    safe = quote(visible(url), safe="/:?#[]@!$&'()*+,;=%~").replace("&", "&amp;")
    if not url.startswith(("https://", "http://")) or len(safe) > URL_LIMIT:
        return clean(label, 400)
    return f"<{safe}|{clean(label, 400)}>"


def duration(seconds: float) -> str:
    """Return a duration in minutes and seconds.

    >>> duration(185.4)
    '3 min 5 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
