"""Where the time of a release went."""

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


def names(told: Timeline) -> list[str]:
    """The steps' names."""
    return [step.name for step in told.steps]


def took(told: Timeline) -> dict[str, float | None]:
    """How long each step took."""
    return {step.name: step.seconds for step in told.steps}


def test_from_the_request_to_the_proof() -> None:
    """Each step with its time, the whole, and the slowest."""
    told = timeline_of(RELEASE, [execution(5)], Posted("C1", "1795600841.000100"))
    assert took(told) == {
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
    assert told.seconds == 60
    assert told.slowest is not None
    assert (told.slowest.name, told.slowest.link) == ("Build", "https://log")
    by_name = {step.name: step for step in told.steps}
    assert by_name["asked"].note == "promote by ada: measured again"
    assert by_name["asked"].link == "https://github.example/run/1"
    assert (by_name["document"].note, by_name["document"].link) == ("revision 7", "v7")
    assert by_name["Source"].note == "revision 7"
    assert by_name["verified"].link == "https://site"
    assert by_name["Slack message"].note == "message 1795600841.000100 in channel C1"
    assert {by_name[name].execution for name in ("wait for Source", "Build", "Verify")} == {"e1"}


def test_asked_by_the_stream() -> None:
    """Where nobody asked, the stream's record is named."""
    told = timeline_of(replace(RELEASE, who=None, run_url=None), [])
    assert told.steps[0].note == "promote by the table's stream, record 7: measured again"


def test_each_execution_that_carried_it() -> None:
    """A failed one is told with its reason and log, and the time until the next as a wait."""
    late = replace(
        RELEASE, steps={**RELEASE.steps, "verified": Step(at(500 + 56), link="https://site")}
    )
    told = timeline_of(late, [execution(500, 9, id_="e2"), execution(3, failed=True)])
    assert names(told)[2:6] == ["wait for Source", "Source", "wait for Build", "Build"]
    assert names(told)[6:8] == ["wait for Source", "Source"]
    failure, wait = told.steps[5], told.steps[6]
    assert (failure.note, failure.link) == ("Failed: no such file", "https://log")
    assert (wait.execution, wait.seconds) == ("e2", 500 - 35)
    assert told.slowest == wait
    assert told.steps[7].note == "revision 9"
    assert told.steps[-1].name == "verified"


def test_executions_that_are_not_its_own() -> None:
    """One with an earlier document, of another type or after its end is left out."""
    others = [
        execution(3, 6, id_="earlier"),
        replace(execution(4, id_="other"), documents={"in": Carried("v7", 7)}),
        execution(20, 8, id_="beside"),
        execution(70, 8, id_="after"),
    ]
    told = timeline_of(RELEASE, [*others, execution(5)])
    assert {step.execution for step in told.steps} == {None, "e1"}


def test_within_one_second() -> None:
    """An execution that started in the second of the release's end may be the one that ended it."""
    quick = replace(execution(60.2), actions=execution(60.2).actions[:2])
    assert "Source" in names(timeline_of(RELEASE, [quick]))


def test_closed_by_a_command() -> None:
    """Where the workflow's road saw it first, the execution that published it is told to its
    end."""
    early = replace(RELEASE, steps={**RELEASE.steps, "verified": Step(at(56))})
    told = timeline_of(early, [execution(5)])
    assert [*names(told)[-3:]] == ["Invalidate", "Verify", "verified"]


def test_behind_a_hold() -> None:
    """The time behind a hold is a step of its own, before the document."""
    steps = {"waiting": Step(at(1)), "document": Step(at(300), link="v7")}
    told = timeline_of(replace(RELEASE, state="open", steps=steps), [])
    assert took(told) == {"asked": 0, "waiting": 300, "document": 0}
    assert told.seconds is None


def test_still_behind_a_hold() -> None:
    """A step that lasts has no end."""
    told = timeline_of(replace(RELEASE, state="waiting", steps={"waiting": Step(at(1))}), [])
    assert took(told) == {"asked": 0, "waiting": None}
    assert told.slowest is None


def test_overtaken_behind_a_hold() -> None:
    """What was overtaken before it came into a document waited until then."""
    steps = {"waiting": Step(at(1)), "superseded": Step(at(40))}
    told = timeline_of(replace(RELEASE, state="superseded", steps=steps), [])
    assert took(told) == {"asked": 0, "waiting": 40, "superseded": 0}


def test_while_it_runs() -> None:
    """The action under way has no end, nor has the release."""
    done = execution(5)
    running = replace(done.actions[2], state="InProgress")
    one = replace(done, state="InProgress", actions=(*done.actions[:2], running))
    told = timeline_of(replace(RELEASE, state="open", steps={"document": Step(at(2))}), [one])
    assert told.steps[-1].name == "Build"
    assert (told.steps[-1].ended, told.steps[-1].note) == (None, "InProgress")
    assert told.seconds is None


def test_what_else_the_ledger_knows() -> None:
    """Any other stamp is a step as well: a withdrawal after the release's end."""
    steps = {**RELEASE.steps, "withdrawn": Step(at(90))}
    told = timeline_of(replace(RELEASE, steps=steps), [execution(5)])
    assert [step.name for step in told.steps if step.started == at(90)] == ["withdrawn"]


def test_clocks_that_disagree() -> None:
    """A document that seems written before it was asked for took no time."""
    steps = {**RELEASE.steps, "document": Step(at(-1), link="v7")}
    assert took(timeline_of(replace(RELEASE, steps=steps), []))["document"] == 0
