"""The content of Slack messages, which stays within Slack's limits for any input."""

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
from phaseline.releases.waiting import Waiting
from phaseline.slack import rendering
from phaseline.slack.rendering import Message, Place
from phaseline.slack.standing import StageTime, Standing, State
from phaseline.text import visible

URL = "https://console.example/e"
ENTITY = re.compile(r"&(amp|lt|gt);")
TRICKY = st.text(st.sampled_from("&<>;|!amp@#é\N{GRINNING FACE}\n *`"), max_size=6_000) | st.text()


def release(number: int = 0, **changes: Any) -> Release:
    """Return a release of opt/a-<number>."""
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
    """Return the progress of one release."""
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
    """Return the place of an environment."""
    return Place(environment, "https://site.example", URL)


def progress(state: State = State.LIVE, **changes: Any) -> Message:
    """Return the message about the progress of one release."""
    return rendering.progress(place(), standing(state, **changes))


def action(reason: str = "exit status 1", **changes: Any) -> Action:
    """Return a failed action."""
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
    """Return every text of a message."""
    all_ = [message.text]
    for block in message.blocks:
        all_ += [block["text"]["text"]] if "text" in block else []
        all_ += [field["text"] for field in block.get("fields", [])]
    return all_


def check(message: Message) -> None:
    """Assert that a message is within Slack's limits: ours, and those of slack_sdk's models."""
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


def test_message_has_versions_requester_commit_duration_and_links() -> None:
    run = "https://github.example/runs/1"
    message = progress(seconds=185.4, releases=[release(who="ana", run_url=run)])
    check(message)
    everything = "\n".join(texts(message))
    for expected in (
        "\N{WHITE HEAVY CHECK MARK} demo: a-0 2.0.0 is live",
        "*a-0* \N{RIGHTWARDS ARROW} 2.0.0, was 1.0.0 `r0`",
        "Requested by ana: its phase was set",
        "`c0ffee0`",
        "3 min 5 s",
        "<https://site.example|https://site.example>",
        f"<{URL}|execution>",
        f"<{run}|workflow run>",
        "opt, revision 7",
    ):
        assert expected in everything


@pytest.mark.parametrize(
    ("state", "changes", "expected"),
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
        (
            State.FAILED,
            {},
            "failed: The failed action is unknown. See the pipeline execution.",
        ),
    ],
)
def test_notification_has_the_subject_and_the_state(
    state: State, changes: dict[str, Any], expected: str
) -> None:
    message = progress(state, **changes)
    check(message)
    assert message.text == f"{state.value[0]} demo: a-0 2.0.0 {expected}"


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([], "website is live"),
        ([release()], "a-0 2.0.0 is live"),
        ([release(), release(1), release(2)], "a-0 2.0.0 (+2 more) is live"),
        ([release(version=None), release(1)], "withdrawal of a-0 (+1 more) is live"),
        ([release(action="rollback", version="1.0.0")], "a-0 back to 1.0.0 is live"),
        ([release(algorithm="<!channel>")], "&lt;!channel&gt; 2.0.0 is live"),
    ],
)
def test_notification_names_the_first_release_and_counts_the_others(
    releases: list[Release], expected: str
) -> None:
    message = progress(releases=releases, count=len(releases))
    assert message.text == f"\N{WHITE HEAVY CHECK MARK} demo: {expected}"


def test_release_without_a_version_is_shown_as_withdrawn() -> None:
    message = progress(releases=[release(version=None, previous="2.0.0")])
    assert "*a-0* withdrawn, was 2.0.0" in "\n".join(texts(message))


def test_release_that_is_not_live_has_its_end_in_the_list() -> None:
    message = progress(releases=[release(), release(1)], count=2, ends={"r1": "superseded"})
    first, second = message.blocks[1]["text"]["text"].splitlines()
    assert "superseded" not in first
    assert second.endswith("was 1.0.0 (superseded) `r1`")


def test_change_of_the_website_alone_is_named_and_an_unknown_duration_is_left_out() -> None:
    message = progress(releases=[], count=0, document=None)
    check(message)
    assert "This changes the website itself" in "\n".join(texts(message))
    assert "Duration" not in "\n".join(texts(message))


def test_first_releases_are_listed_and_the_others_are_counted() -> None:
    message = progress(releases=[release(number) for number in range(20)], count=50_000)
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 49980 more"
    assert rendering.progress(place(), standing(count=50_000)).text.endswith(
        "(+49999 more) is live"
    )


def test_list_of_long_names_ends_with_the_count_of_the_others() -> None:
    """No line is cut."""
    many = [release(number, algorithm="x" * 128, version="y" * 128) for number in range(20)]
    message = progress(releases=many, count=20)
    check(message)
    lines = message.blocks[1]["text"]["text"].splitlines()
    assert lines[-1] == f"and {20 - (len(lines) - 1)} more"


def test_message_has_the_beginning_of_a_reason_and_the_thread_all_of_it() -> None:
    failed = action("exit 1:\n<!channel> " + "x" * 2_000)
    message = progress(State.FAILED, failure=failed)
    check(message)
    assert "exit 1: &lt;!channel&gt; xx" in message.text
    assert "x" * 1_000 not in "\n".join(texts(message))
    assert "<https://logs.example/x|open>" in "\n".join(texts(message))
    reply = rendering.failure(place(), failed, "e1")
    check(reply)
    everything = "\n".join(texts(reply))
    for expected in (
        "Build / Build failed",
        "x" * 2_000,
        "<https://logs.example/x|open>",
        f"<{URL}|e1>",
    ):
        assert expected in everything


def test_thread_has_the_last_lines_of_the_log_as_plain_text() -> None:
    lines = [f"<!channel> *line {n}* " + "&" * 500 for n in range(40)]
    reply = rendering.failure(place(), action("exit 1"), "e1", lines)
    check(reply)
    log = reply.blocks[2]["text"]
    assert log["type"] == "plain_text"
    assert log["text"].startswith("&lt;!channel&gt; *line 25* &amp;")
    short = rendering.failure(place(), action("exit 1"), "e1", ["one", "two"])
    assert short.blocks[2]["text"]["text"] == "one\ntwo"


def test_reason_cannot_notify_the_channel() -> None:
    for message in (
        progress(State.FAILED, releases=[], failure=action("<!channel> <@U1> a & b")),
        rendering.failure(place(), action("<!channel> <@U1> a & b"), "e1"),
    ):
        assert message.blocks[1]["text"]["type"] == "plain_text"
        assert message.blocks[1]["text"]["text"] == "&lt;!channel&gt; &lt;@U1&gt; a &amp; b"


def test_details_have_the_ids_of_releases_document_version_execution_and_commit() -> None:
    reply = rendering.details(place(), standing(releases=[release(), release(1)], count=30))
    check(reply)
    for expected in (f"<{URL}|e1>", "`c0ffee0`", "`v7`", "`r0`", "`r1`", "and 28 more releases"):
        assert expected in texts(reply)[1]


def test_end_has_the_duration_of_each_stage_with_the_slowest_marked() -> None:
    stages = [StageTime("Source", 2.0), StageTime("Build", 94.6), StageTime("Verify", 3.0)]
    reply = rendering.end(standing(seconds=120.0, stages=stages))
    check(reply)
    assert texts(reply)[1].splitlines() == [
        "*a-0 2.0.0 is live*",
        "Total: 2 min 0 s",
        "Source: 2 s",
        "Build: 1 min 35 s \N{LEFTWARDS ARROW} slowest",
        "Verify: 3 s",
    ]
    assert "unknown" in texts(rendering.end(standing()))[1]


@given(TRICKY, st.integers(2, 200))
def test_clean_text_is_escaped_and_cut_between_characters_of_the_original(
    text: str, limit: int
) -> None:
    cleaned = rendering.clean(text, limit)
    text = visible(text)
    assert len(cleaned) <= limit
    assert "<" not in cleaned
    assert ">" not in cleaned
    assert "&" not in ENTITY.sub("", cleaned)
    whole = len(html.escape(text, quote=False)) <= limit
    plain = cleaned.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == text if whole else text.startswith(plain.removesuffix(rendering.CUT))


@given(TRICKY, TRICKY, TRICKY, TRICKY)
def test_any_failure_is_escaped_and_within_the_limits(
    stage: str, name: str, reason: str, url: str
) -> None:
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
def test_any_releases_are_within_the_limits(
    releases: list[Release], more: int, commit: str
) -> None:
    ends = {releases[0].release_id: "superseded"}
    count = len(releases) + more
    shown = standing(releases=releases, count=count, ends=ends, commit=commit, seconds=1.0)
    for message in (
        rendering.progress(place(), shown),
        rendering.details(place(), shown),
        rendering.end(shown),
    ):
        check(message)


HELD = st.builds(
    Waiting,
    st.just("opt"),
    st.none() | TRICKY,
    who=TRICKY,
    since=TRICKY,
    reason=TRICKY,
    until=st.none() | TRICKY,
    window=st.none() | TRICKY,
    changes=st.lists(
        st.tuples(st.sampled_from(["promote", "withdraw"]), TRICKY, TRICKY), max_size=5
    ).map(tuple),
    count=st.integers(1, 10**6),
)


@given(HELD)
def test_any_hold_is_within_the_limits(waiting: Waiting) -> None:
    check(rendering.held("demo", waiting))
    check(rendering.released("demo", waiting.type, waiting.algorithm or "", waiting.since))


def test_hold_is_told_with_its_changes_its_reason_and_the_command_that_releases_them() -> None:
    changes = (("promote", "a", "1.0.0"), ("withdraw", "a", "0.9"))
    waiting = Waiting("opt", "a", "ana", "T1", "compares *it*", "T2", None, changes, 7)
    message = rendering.held("demo", waiting)
    assert message.text.endswith("demo: 7 changes wait behind the hold of opt/a")
    shown = str(message.blocks)
    for said in (
        "Promotion of a 1.0.0", "Withdrawal of a 0.9", "and 5 more",
        "Held by ana since T1 until T2: compares *it*",
        "`phaseline resume opt/a --environment demo --reason ...`",
    ):  # fmt: skip
        assert said in shown


@pytest.mark.parametrize("url", ["javascript:x", "", "https://x.example/" + "a" * 2_000])
def test_label_stands_alone_if_the_address_cannot_be_linked(url: str) -> None:
    """An address is never cut."""
    assert rendering.link(url, "open") == "open"


def test_characters_that_would_end_a_link_are_encoded() -> None:
    assert rendering.link("https://x.example/a|b>c&d", "open") == (
        "<https://x.example/a%7Cb%3Ec&amp;d|open>"
    )


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0 s"), (59.6, "1 min 0 s"), (48.2, "48 s")])
def test_duration_is_rounded_to_seconds(seconds: float, expected: str) -> None:
    assert rendering.duration(seconds) == expected


@pytest.mark.parametrize(
    ("succeeded", "sign"), [(True, "\N{WHITE HEAVY CHECK MARK}"), (False, "\N{CROSS MARK}")]
)
def test_report_has_the_sentence_and_the_known_facts_and_links(succeeded: bool, sign: str) -> None:
    """All of it is escaped."""
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
    assert [field["text"].partition("\n")[0] for field in facts["fields"]] == [
        "*Who*",
        "*Note*",
        "*Website*",
        "*Bad*",
    ]
    assert facts["fields"][3]["text"] == "*Bad*\nopen"
    assert problems(list(message.blocks)) == []
