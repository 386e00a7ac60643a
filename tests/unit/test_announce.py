"""Slack messages stay within Slack's limits, whatever they are about."""

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from local.slack_blocks import problems
from phaseline import announce
from phaseline.actions import FailedAction
from phaseline.announce import Message
from phaseline.ledger import Release

URL = "https://console.example/e"
ENTITY = re.compile(r"&(amp|lt|gt);")
TRICKY = st.text(st.sampled_from("&<>;|!amp@#é\N{GRINNING FACE}\n *`"), max_size=6_000) | st.text()


def release(number: int = 0, **changes: Any) -> Release:
    """A release of opt/a-<number>."""
    fields: dict[str, Any] = {
        "release_id": f"r{number}",
        "type": "opt",
        "algorithm": f"a-{number}",
        "version": "2.0.0",
        "action": "promote",
        "previous": "1.0.0",
        "requested_at": "2026-11-24T20:00:00Z",
        "sequence": str(number),
        "reason": "its phase was set",
    }
    return Release(**(fields | changes))


def published(**changes: Any) -> Message:
    """A message about a success."""
    fields: dict[str, Any] = {
        "environment": "demo",
        "site_url": "https://site.example",
        "commit": "c0ffee0123456789",
        "seconds": 185.4,
        "releases": [release()],
        "execution_url": URL,
    }
    return announce.published(**(fields | changes))


def failed(failure: FailedAction | None, **changes: Any) -> Message:
    """A message about a failure."""
    fields: dict[str, Any] = {
        "environment": "demo",
        "pipeline": "phaseline-demo",
        "execution": "e1",
        "execution_url": URL,
    }
    return announce.failed(failure=failure, **(fields | changes))


def texts(message: Message) -> list[str]:
    """Every text in a message."""
    found = [message.text]
    for block in message.blocks:
        found += [block["text"]["text"]] if "text" in block else []
        found += [field["text"] for field in block.get("fields", [])]
    return found


def check(message: Message) -> None:
    """Assert all of Slack's limits, by our numbers and by slack_sdk's models."""
    assert 1 <= len(message.text) <= announce.TEXT_LIMIT
    assert 1 <= len(message.blocks) <= announce.BLOCKS_LIMIT
    for block in message.blocks:
        limit = announce.HEADER_LIMIT if block["type"] == "header" else announce.SECTION_LIMIT
        assert "text" not in block or 1 <= len(block["text"]["text"]) <= limit
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= announce.FIELD_LIMIT for field in block.get("fields", []))
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()


def test_a_success_says_what_changed() -> None:
    """Algorithm, version before and after, commit, duration and links are in the message."""
    message = published()
    check(message)
    everything = "\n".join(texts(message))
    for said in (
        "demo: a-0 2.0.0 is live",
        "*a-0* \N{RIGHTWARDS ARROW} 2.0.0, was 1.0.0",
        "`c0ffee0`",
        "3 min 5 s",
        "<https://site.example|https://site.example>",
        f"<{URL}|execution>",
    ):
        assert said in everything


def test_a_withdrawal_says_so() -> None:
    """A release that leaves no version is told as withdrawn."""
    message = published(releases=[release(version=None, previous="2.0.0")])
    assert "withdrawn, was 2.0.0" in "\n".join(texts(message))


@pytest.mark.parametrize(
    ("releases", "said"),
    [
        ([], "demo: website published"),
        ([release()], "demo: a-0 2.0.0 is live"),
        ([release(), release(1), release(2)], "demo: a-0 2.0.0 is live (+2 more)"),
        ([release(version=None), release(1)], "demo: a-0 is withdrawn (+1 more)"),
        ([release(algorithm="<!channel>")], "demo: &lt;!channel&gt; 2.0.0 is live"),
    ],
)
def test_a_notification_names_what_changed(releases: list[Release], said: str) -> None:
    """Notifications show only the text: the first release, and how many there are beside."""
    assert published(releases=releases).text == f"\N{WHITE HEAVY CHECK MARK} {said}"


def test_a_notification_of_a_failure_says_why() -> None:
    """Notifications show only the text: where, and the reason on one line, escaped and cut."""
    message = failed(FailedAction("Build", "Build", "exit 1:\n<!channel> " + "x" * 2_000, None))
    assert message.text.startswith(
        "\N{CROSS MARK} demo: publishing failed in Build: exit 1: &lt;!channel&gt; xx"
    )
    check(message)


def test_a_success_without_releases() -> None:
    """A change of the frontend alone is told as such, and an unknown duration is left out."""
    message = published(releases=[], seconds=None)
    check(message)
    assert "the website itself did" in "\n".join(texts(message))
    assert "Duration" not in "\n".join(texts(message))


def test_many_releases_are_listed_in_part() -> None:
    """Twenty are listed, the others counted."""
    message = published(releases=[release(number) for number in range(25)])
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 5 more"


def test_long_names_leave_room_for_the_count() -> None:
    """A list that gets too long ends between two lines, with the count of those left out."""
    many = [release(number, algorithm="x" * 128, version="y" * 128) for number in range(20)]
    message = published(releases=many)
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert lines[-1] == f"and {20 - (len(lines) - 1)} more"


def test_a_failure_says_where_and_why() -> None:
    """Stage, action, reason, and links to log and execution are in the message."""
    message = failed(FailedAction("Build", "Build", "exit status 1", "https://logs.example/x"))
    check(message)
    everything = "\n".join(texts(message))
    for said in (
        "publishing failed in Build",
        "Build / Build",
        "exit status 1",
        "<https://logs.example/x|open>",
        f"<{URL}|phaseline-demo>",
        "`e1`",
    ):
        assert said in everything


def test_a_failure_of_which_nothing_is_known() -> None:
    """The message still goes out, with the execution to look at."""
    message = failed(None)
    check(message)
    assert "not known" in "\n".join(texts(message))


def test_nobody_is_mentioned_by_a_reason() -> None:
    """A reason that tries to notify the channel is plain text."""
    message = failed(FailedAction("Build", "Build", "<!channel> <@U1> a & b", None))
    assert message.blocks[1]["text"]["type"] == "plain_text"
    assert message.blocks[1]["text"]["text"] == "&lt;!channel&gt; &lt;@U1&gt; a &amp; b"


@given(TRICKY, st.integers(2, 200))
def test_clean_text(text: str, limit: int) -> None:
    """Escaped, within the limit, and cut only between characters of the original."""
    cleaned = announce.clean(text, limit)
    assert len(cleaned) <= limit
    assert "<" not in cleaned
    assert ">" not in cleaned
    assert "&" not in ENTITY.sub("", cleaned)
    whole = len(html.escape(text, quote=False)) <= limit
    plain = cleaned.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == text if whole else text.startswith(plain.removesuffix(announce.CUT))


@given(TRICKY, TRICKY, TRICKY, TRICKY)
def test_any_failure_fits(stage: str, action: str, reason: str, url: str) -> None:
    """No text of a failure breaks a limit or is left unescaped."""
    message = failed(
        FailedAction(stage, action, reason, f"https://logs.example/{url}"),
        pipeline=action or "p",
        environment=stage,
    )
    check(message)
    for text in texts(message):
        rest = re.sub(r"<https://[^<>|]*\|[^<>]*>", "", text)
        assert "<" not in rest
        assert ">" not in rest
        assert "&" not in ENTITY.sub("", text)


@given(st.lists(st.builds(release, algorithm=TRICKY, version=TRICKY, previous=TRICKY), max_size=30))
def test_any_releases_fit(releases: list[Release]) -> None:
    """No number and no name of releases breaks a limit."""
    check(published(releases=releases))


@pytest.mark.parametrize("url", ["javascript:x", "", "https://x.example/" + "a" * 2_000])
def test_an_address_that_cannot_be_linked_is_left_out(url: str) -> None:
    """Its label stands alone; an address is never cut."""
    assert announce.link(url, "open") == "open"


def test_an_address_cannot_end_early() -> None:
    """Signs that would end a link are encoded."""
    assert announce.link("https://x.example/a|b>c&d", "open") == (
        "<https://x.example/a%7Cb%3Ec&amp;d|open>"
    )


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_console_links(partition: str, region: str, host: str) -> None:
    """The link leads to the console of the partition and the region."""
    url = announce.execution_url(
        partition=partition, region=region, pipeline="phaseline-demo", execution="e1"
    )
    assert url == (
        f"https://{host}/codesuite/codepipeline/pipelines/phaseline-demo"
        f"/executions/e1/timeline?region={region}"
    )


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.6, "1 min 0 s"), (48.2, "48 s")])
def test_durations(seconds: float, said: str) -> None:
    """Durations are rounded to seconds."""
    assert announce.duration(seconds) == said


@pytest.mark.parametrize(
    ("succeeded", "sign"), [(True, "\N{WHITE HEAVY CHECK MARK}"), (False, "\N{CROSS MARK}")]
)
def test_reported(succeeded: bool, sign: str) -> None:
    """A command's report: the sentence, then what is known of facts and links, all escaped."""
    message = announce.reported(
        environment="demo",
        succeeded=succeeded,
        title="promote opt/a",
        what="a 1 -> 2 & <!channel>" + "x" * 4_000,
        facts={"Who": "ana", "Why": None, "Note": "y" * 4_000},
        links={"Website": "https://x", "Run": None, "Bad": "javascript:x"},
    )
    assert message.text.startswith(f"{sign} demo: a 1 -&gt; 2 &amp; &lt;!channel&gt;")
    header, what, facts = message.blocks
    assert header["text"]["text"] == f"{sign} demo: promote opt/a"
    assert what["text"]["type"] == "plain_text"
    assert [one["text"].partition("\n")[0] for one in facts["fields"]] == [
        "*Who*",
        "*Note*",
        "*Website*",
        "*Bad*",
    ]
    assert facts["fields"][3]["text"] == "*Bad*\nopen"
    assert problems(list(message.blocks)) == []
