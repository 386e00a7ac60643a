"""Slack messages stay within Slack's limits, whatever they are about."""

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from local.slack.blocks import problems
from phaseline.pipeline.actions import Action
from phaseline.releases.release import Release
from phaseline.slack import rendering
from phaseline.slack.rendering import Message, Place
from phaseline.slack.standing import StageTime, Standing, State

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


def standing(state: State = State.LIVE, **changes: Any) -> Standing:
    """How far one release has come."""
    fields: dict[str, Any] = {
        "document": "opt, revision 7",
        "document_version": "v7",
        "releases": [release()],
        "count": 1,
        "execution": "e1",
        "commit": "c0ffee0123456789",
    }
    return Standing(state, **(fields | changes))


def place(environment: str = "demo") -> Place:
    """The environment `demo`."""
    return Place(environment, "https://site.example", URL)


def progress(state: State = State.LIVE, **changes: Any) -> Message:
    """The message about it."""
    return rendering.progress(place(), standing(state, **changes))


def action(reason: str = "exit status 1", **changes: Any) -> Action:
    """An action that failed."""
    fields: dict[str, Any] = {
        "stage": "Build",
        "action": "Build",
        "state": "Failed",
        "started": "2026-11-24T20:01:00.000Z",
        "updated": "2026-11-24T20:02:00.000Z",
        "link": "https://logs.example/x",
        "reason": reason,
    }
    return Action(**(fields | changes))


def texts(message: Message) -> list[str]:
    """Every text in a message."""
    found = [message.text]
    for block in message.blocks:
        found += [block["text"]["text"]] if "text" in block else []
        found += [field["text"] for field in block.get("fields", [])]
    return found


def check(message: Message) -> None:
    """Assert all of Slack's limits, by our numbers and by slack_sdk's models."""
    assert 1 <= len(message.text) <= rendering.TEXT_LIMIT
    assert 1 <= len(message.blocks) <= rendering.BLOCKS_LIMIT
    for block in message.blocks:
        limit = rendering.HEADER_LIMIT if block["type"] == "header" else rendering.SECTION_LIMIT
        assert "text" not in block or 1 <= len(block["text"]["text"]) <= limit
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= rendering.FIELD_LIMIT for field in block.get("fields", []))
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()


def test_a_success_says_what_changed() -> None:
    """Version before and after, who and why, commit, duration and links are in the message."""
    run = "https://github.example/runs/1"
    message = progress(seconds=185.4, releases=[release(who="ana", run_url=run)])
    check(message)
    everything = "\n".join(texts(message))
    for said in (
        "\N{WHITE HEAVY CHECK MARK} demo: a-0 2.0.0 is live",
        "*a-0* \N{RIGHTWARDS ARROW} 2.0.0, was 1.0.0 `r0`",
        "Asked for by ana: its phase was set",
        "`c0ffee0`",
        "3 min 5 s",
        "<https://site.example|https://site.example>",
        f"<{URL}|execution>",
        f"<{run}|workflow run>",
        "opt, revision 7",
    ):
        assert said in everything


@pytest.mark.parametrize(
    ("state", "changes", "said"),
    [
        (State.WAITING, {}, "waits for the pipeline"),
        (State.BUILDING, {}, "is being built"),
        (State.PUBLISHING, {}, "is being published"),
        (State.ANNOUNCING, {}, "is being announced"),
        (State.VERIFYING, {}, "is being verified"),
        (State.SUPERSEDED, {"overtaken_by": 8}, "was superseded by revision 8"),
        (State.SUPERSEDED, {}, "was superseded"),
        (State.ROLLED_BACK, {}, "was rolled back"),
        (State.STOPPED, {}, "was stopped"),
        (State.FAILED, {"failure": action()}, "failed in Build: exit status 1"),
        (State.FAILED, {}, "failed: Which action failed is not known: look at the execution."),
    ],
)
def test_a_notification_says_how_far(state: State, changes: dict[str, Any], said: str) -> None:
    """Notifications show only the text: what it is about, and how far it has come."""
    message = progress(state, **changes)
    check(message)
    assert message.text == f"{state.value[0]} demo: a-0 2.0.0 {said}"


@pytest.mark.parametrize(
    ("releases", "said"),
    [
        ([], "website is live"),
        ([release()], "a-0 2.0.0 is live"),
        ([release(), release(1), release(2)], "a-0 2.0.0 (+2 more) is live"),
        ([release(version=None), release(1)], "withdrawal of a-0 (+1 more) is live"),
        ([release(action="rollback", version="1.0.0")], "a-0 back to 1.0.0 is live"),
        ([release(algorithm="<!channel>")], "&lt;!channel&gt; 2.0.0 is live"),
    ],
)
def test_a_notification_names_what_changed(releases: list[Release], said: str) -> None:
    """The first release is named, and how many there are beside."""
    message = progress(releases=releases, count=len(releases))
    assert message.text == f"\N{WHITE HEAVY CHECK MARK} demo: {said}"


def test_a_withdrawal_says_so() -> None:
    """A release that leaves no version is told as withdrawn."""
    message = progress(releases=[release(version=None, previous="2.0.0")])
    assert "*a-0* withdrawn, was 2.0.0" in "\n".join(texts(message))


def test_releases_that_ended_otherwise_are_marked() -> None:
    """Of several, each that is not live any more has a word for it."""
    message = progress(releases=[release(), release(1)], count=2, ends={"r1": "superseded"})
    first, second = message.blocks[1]["text"]["text"].splitlines()
    assert "superseded" not in first
    assert second.endswith("was 1.0.0 (superseded) `r1`")


def test_the_website_alone() -> None:
    """A change of the frontend alone is told as such, and an unknown duration is left out."""
    message = progress(releases=[], count=0, document=None)
    check(message)
    assert "the website itself does" in "\n".join(texts(message))
    assert "Duration" not in "\n".join(texts(message))


def test_many_releases_are_listed_in_part() -> None:
    """The first are listed, the others counted, of which the message need not know more."""
    message = progress(releases=[release(number) for number in range(20)], count=50_000)
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 49980 more"
    assert rendering.progress(place(), standing(count=50_000)).text.endswith(
        "(+49999 more) is live"
    )


def test_long_names_leave_room_for_the_count() -> None:
    """A list that gets too long ends between two lines, with the count of those left out."""
    many = [release(number, algorithm="x" * 128, version="y" * 128) for number in range(20)]
    message = progress(releases=many, count=20)
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert lines[-1] == f"and {20 - (len(lines) - 1)} more"


def test_a_failure_is_short_and_its_thread_is_not() -> None:
    """The message has the beginning of the reason, the reply all of it and the links."""
    failed = action("exit 1:\n<!channel> " + "x" * 2_000)
    message = progress(State.FAILED, failure=failed)
    check(message)
    assert "exit 1: &lt;!channel&gt; xx" in message.text
    assert "x" * 1_000 not in "\n".join(texts(message))
    assert "<https://logs.example/x|open>" in "\n".join(texts(message))
    reply = rendering.failure(place(), failed, "e1")
    check(reply)
    everything = "\n".join(texts(reply))
    for said in (
        "Build / Build failed",
        "x" * 2_000,
        "<https://logs.example/x|open>",
        f"<{URL}|e1>",
    ):
        assert said in everything


def test_nobody_is_mentioned_by_a_reason() -> None:
    """A reason that tries to notify the channel is plain text."""
    for message in (
        progress(State.FAILED, releases=[], failure=action("<!channel> <@U1> a & b")),
        rendering.failure(place(), action("<!channel> <@U1> a & b"), "e1"),
    ):
        assert message.blocks[1]["text"]["type"] == "plain_text"
        assert message.blocks[1]["text"]["text"] == "&lt;!channel&gt; &lt;@U1&gt; a &amp; b"


def test_details() -> None:
    """The thread has what to look for: release ids, document version, execution and commit."""
    reply = rendering.details(place(), standing(releases=[release(), release(1)], count=30))
    check(reply)
    for said in (f"<{URL}|e1>", "`c0ffee0`", "`v7`", "`r0`", "`r1`", "and 28 more releases"):
        assert said in texts(reply)[1]


def test_the_end() -> None:
    """The thread has how long it took, stage by stage, the slowest marked."""
    stages = [StageTime("Source", 2.0), StageTime("Build", 94.6), StageTime("Verify", 3.0)]
    reply = rendering.end(standing(seconds=120.0, stages=stages))
    check(reply)
    assert texts(reply)[1].splitlines() == [
        "*a-0 2.0.0 is live*",
        "2 min 0 s altogether",
        "Source: 2 s",
        "Build: 1 min 35 s \N{LEFTWARDS ARROW} slowest",
        "Verify: 3 s",
    ]
    assert "not known" in texts(rendering.end(standing()))[1]


@given(TRICKY, st.integers(2, 200))
def test_clean_text(text: str, limit: int) -> None:
    """Escaped, within the limit, and cut only between characters of the original."""
    cleaned = rendering.clean(text, limit)
    assert len(cleaned) <= limit
    assert "<" not in cleaned
    assert ">" not in cleaned
    assert "&" not in ENTITY.sub("", cleaned)
    whole = len(html.escape(text, quote=False)) <= limit
    plain = cleaned.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == text if whole else text.startswith(plain.removesuffix(rendering.CUT))


@given(TRICKY, TRICKY, TRICKY, TRICKY)
def test_any_failure_fits(stage: str, name: str, reason: str, url: str) -> None:
    """No text of a failure breaks a limit or is left unescaped."""
    failed = action(reason, stage=stage, action=name, link=f"https://logs.example/{url}")
    shown = Standing(State.FAILED, execution=name or "e", commit=stage, failure=failed)
    for message in (
        rendering.progress(place(stage), shown),
        rendering.failure(place(stage), failed, name),
    ):
        check(message)
        for text in texts(message):
            rest = re.sub(r"<https://[^<>|]*\|[^<>]*>", "", text)
            assert "<" not in rest
            assert ">" not in rest
            assert "&" not in ENTITY.sub("", text)


RELEASES = st.lists(
    st.builds(
        release,
        algorithm=TRICKY,
        version=TRICKY,
        previous=TRICKY,
        release_id=TRICKY,
        who=TRICKY,
        reason=TRICKY,
        run_url=TRICKY,
    ),
    min_size=1,
    max_size=20,
)


@given(RELEASES, st.integers(0, 10**6), TRICKY)
def test_any_releases_fit(releases: list[Release], more: int, commit: str) -> None:
    """No number and no name of releases breaks a limit."""
    ends = {releases[0].release_id: "superseded"}
    count = len(releases) + more
    shown = standing(releases=releases, count=count, ends=ends, commit=commit, seconds=1.0)
    for message in (
        rendering.progress(place(), shown),
        rendering.details(place(), shown),
        rendering.end(shown),
    ):
        check(message)


@pytest.mark.parametrize("url", ["javascript:x", "", "https://x.example/" + "a" * 2_000])
def test_an_address_that_cannot_be_linked_is_left_out(url: str) -> None:
    """Its label stands alone; an address is never cut."""
    assert rendering.link(url, "open") == "open"


def test_an_address_cannot_end_early() -> None:
    """Signs that would end a link are encoded."""
    assert rendering.link("https://x.example/a|b>c&d", "open") == (
        "<https://x.example/a%7Cb%3Ec&amp;d|open>"
    )


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.6, "1 min 0 s"), (48.2, "48 s")])
def test_durations(seconds: float, said: str) -> None:
    """Durations are rounded to seconds."""
    assert rendering.duration(seconds) == said


@pytest.mark.parametrize(
    ("succeeded", "sign"), [(True, "\N{WHITE HEAVY CHECK MARK}"), (False, "\N{CROSS MARK}")]
)
def test_reported(succeeded: bool, sign: str) -> None:
    """A command's report: the sentence, then what is known of facts and links, all escaped."""
    message = rendering.reported(
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
