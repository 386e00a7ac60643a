"""The timelines of releases."""

from dataclasses import replace

from phaseline.history.timeline import Timeline, timeline_of
from phaseline.pipeline.recorder import Carried
from phaseline.releases.release import Release, Step
from phaseline.slack.message_record import Posted
from tests.builders.pipeline import at, execution

RELEASE = Release(
    release_id="opt-a-2.0.0-1",
    type="opt",
    algorithm="a",
    version="2.0.0",
    action="promote",
    previous="1.0.0",
    requested_at=at(0),
    sequence="7",
    reason="measured again",
    who="ada",
    state="verified",
    document_version="v7",
    revision=7,
    run_url="https://github.example/run/1",
    steps={"document": Step(at(2), link="v7"), "verified": Step(at(60), link="https://site")},
)


def names(timeline: Timeline) -> list[str]:
    """Return the names of the steps."""
    return [step.name for step in timeline.steps]


def durations(timeline: Timeline) -> dict[str, float | None]:
    """Return the duration of each step in seconds."""
    return {step.name: step.seconds for step in timeline.steps}


def test_timeline_has_every_step_with_its_duration_and_the_slowest() -> None:
    timeline = timeline_of(RELEASE, [execution(5)], Posted("C1", "1795600841.000100"))
    assert durations(timeline) == {
        "asked": 0,
        "document": 2,
        "wait for Source": 3,
        "Source": 1,
        "wait for Build": 1,
        "Build": 30,
        "Publish": 4,
        "Notify": 1,
        "Invalidate": 14,
        "Slack message": 0,
        "Verify": 6,
        "verified": 0,
    }
    assert timeline.seconds == 60
    assert timeline.slowest is not None
    assert (timeline.slowest.name, timeline.slowest.link) == ("Build", "https://log")
    by_name = {step.name: step for step in timeline.steps}
    assert by_name["asked"].note == "promote by ada: measured again"
    assert by_name["asked"].link == "https://github.example/run/1"
    assert (by_name["document"].note, by_name["document"].link) == ("revision 7", "v7")
    assert by_name["Source"].note == "revision 7"
    assert by_name["verified"].link == "https://site"
    assert by_name["Slack message"].note == "message 1795600841.000100 in channel C1"
    assert {by_name[name].execution for name in ("wait for Source", "Build", "Verify")} == {"e1"}


def test_request_of_the_stream_names_its_record() -> None:
    timeline = timeline_of(replace(RELEASE, who=None, run_url=None), [])
    assert timeline.steps[0].note == "promote by the table's stream, record 7: measured again"


def test_failed_execution_has_its_reason_and_link_and_is_followed_by_a_wait() -> None:
    late = replace(
        RELEASE, steps={**RELEASE.steps, "verified": Step(at(500 + 56), link="https://site")}
    )
    timeline = timeline_of(late, [execution(500, 9, id_="e2"), execution(3, failed=True)])
    assert names(timeline)[2:6] == ["wait for Source", "Source", "wait for Build", "Build"]
    assert names(timeline)[6:8] == ["wait for Source", "Source"]
    failure, wait = timeline.steps[5], timeline.steps[6]
    assert (failure.note, failure.link) == ("Failed: no such file", "https://log")
    assert (wait.execution, wait.seconds) == ("e2", 500 - 35)
    assert timeline.slowest == wait
    assert timeline.steps[7].note == "revision 9"
    assert timeline.steps[-1].name == "verified"


def test_executions_that_did_not_carry_the_release_are_left_out() -> None:
    others = [
        execution(3, 6, id_="earlier"),
        replace(execution(4, id_="other"), documents={"in": Carried("v7", 7)}),
        execution(20, 8, id_="beside"),
        execution(70, 8, id_="after"),
    ]
    timeline = timeline_of(RELEASE, [*others, execution(5)])
    assert {step.execution for step in timeline.steps} == {None, "e1"}


def test_execution_that_started_in_the_second_of_the_end_is_included() -> None:
    quick = replace(execution(60.2), actions=execution(60.2).actions[:2])
    assert "Source" in names(timeline_of(RELEASE, [quick]))


def test_execution_is_included_to_its_end_if_a_command_verified_the_release_earlier() -> None:
    early = replace(RELEASE, steps={**RELEASE.steps, "verified": Step(at(56))})
    timeline = timeline_of(early, [execution(5)])
    assert [*names(timeline)[-3:]] == ["Invalidate", "Verify", "verified"]


def test_time_behind_a_hold_is_a_step_before_the_document() -> None:
    steps = {"waiting": Step(at(1)), "document": Step(at(300), link="v7")}
    timeline = timeline_of(replace(RELEASE, state="open", steps=steps), [])
    assert durations(timeline) == {"asked": 0, "waiting": 300, "document": 0}
    assert timeline.seconds is None


def test_wait_that_lasts_has_no_end() -> None:
    timeline = timeline_of(replace(RELEASE, state="waiting", steps={"waiting": Step(at(1))}), [])
    assert durations(timeline) == {"asked": 0, "waiting": None}
    assert timeline.slowest is None


def test_superseded_release_waited_until_its_end() -> None:
    steps = {"waiting": Step(at(1)), "superseded": Step(at(40))}
    timeline = timeline_of(replace(RELEASE, state="superseded", steps=steps), [])
    assert durations(timeline) == {"asked": 0, "waiting": 40, "superseded": 0}


def test_running_action_and_its_release_have_no_end() -> None:
    done = execution(5)
    running = replace(done.actions[2], state="InProgress")
    unfinished = replace(done, state="InProgress", actions=(*done.actions[:2], running))
    timeline = timeline_of(
        replace(RELEASE, state="open", steps={"document": Step(at(2))}), [unfinished]
    )
    assert timeline.steps[-1].name == "Build"
    assert (timeline.steps[-1].ended, timeline.steps[-1].note) == (None, "InProgress")
    assert timeline.seconds is None


def test_other_stamps_of_the_ledger_are_steps() -> None:
    steps = {**RELEASE.steps, "withdrawn": Step(at(90))}
    timeline = timeline_of(replace(RELEASE, steps=steps), [execution(5)])
    assert [step.name for step in timeline.steps if step.started == at(90)] == ["withdrawn"]


def test_document_that_seems_older_than_its_request_took_no_time() -> None:
    steps = {**RELEASE.steps, "document": Step(at(-1), link="v7")}
    assert durations(timeline_of(replace(RELEASE, steps=steps), []))["document"] == 0
