"""Untrusted text is shown and never interpreted, in each output of Phaseline."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline.algorithms.names import NAME_PATTERN
from phaseline.aws import metrics
from phaseline.deploy import preview_comment
from phaseline.deploy.change_sets import ResourceChange, StackResult
from phaseline.documents.document import Document
from phaseline.drift.lost_versions import Repaired
from phaseline.drift.report import Explained, Failure, Finding, Repair, Report
from phaseline.errors import InputError, RefusedError
from phaseline.github import markdown
from phaseline.github.trust import Row
from phaseline.pipeline.actions import Action
from phaseline.promotion.request import REASON_LIMIT, Request, check_request
from phaseline.slack import rendering
from phaseline.slack.rendering import Place
from phaseline.slack.standing import StageTime, Standing, State
from phaseline.text import line, visible
from scripts.__main__ import main
from scripts.cli import failures, streams
from scripts.cli.console import Console, ConsoleStep
from scripts.cli.text import Cell, render
from scripts.commands.whoami import as_markdown as compared
from scripts.deploy.result_text import markdown as deployed
from scripts.drift import report_text
from scripts.github import job
from scripts.release.journal import Differences, Journal
from scripts.release.subject import AttributedMove, Subject
from tests.builders import hostile
from tests.builders.outputs import read_outputs
from tests.builders.releases import release

RUN = "https://github.com/acme/automation/actions/runs/1"
SHORT = {name: text for name, text in hostile.TEXTS.items() if len(text) < 10_000}
every_text = pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
VARIABLES = {name: text for name, text in SHORT.items() if name not in {"nul", "lone surrogate"}}
"""The texts that a variable of a process can have."""
short_text = pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)


# ---- What a process prints ------------------------------------------------------------------


def is_inert(output: str) -> bool:
    """Whether neither the runner nor a terminal obeys a part of the output."""
    return not hostile.obeyed_by_runner(output) and not hostile.obeyed_by_terminal(output)


@every_text
def test_printed_text_is_not_obeyed(text: str) -> None:
    """By whichever way it is printed, whole or in parts, as lines or as JSON."""
    out, err = io.StringIO(), io.StringIO()
    for shown in (Console(out=out, err=err, environ={}), Console(True, out=out, err=err)):
        with shown.step(text) as step:
            step.result = text
        shown.progress(text)
        shown.result({text: text}, [text])
    stream = streams.InertStream(err)
    print(text, file=stream)
    for sign in text[:500]:
        stream.write(sign)
        stream.flush()
    assert is_inert(out.getvalue() + err.getvalue())


@every_text
def test_text_in_a_line_for_a_terminal_is_not_obeyed(text: str) -> None:
    """Only the colours and the links around it are."""
    shown = render([Cell(text, "red", "https://x"), Cell(text)], is_terminal=True)
    ours = ("\x1b]8;;https://x\x1b\\", "\x1b]8;;\x1b\\", "\x1b[31m", "\x1b[0m")
    assert [shown.count(sign) for sign in ours] == [1, 1, 1, 1]
    for sign in ours:
        shown = shown.replace(sign, "")
    assert not hostile.obeyed_by_terminal(shown)
    assert "\n" not in shown


@every_text
def test_json_keeps_its_value(text: str) -> None:
    out = io.StringIO()
    Console(as_json=True, out=out).result({"text": text}, [])
    assert json.loads(out.getvalue()) == {"text": text}


def outcome(
    command: click.Command, monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str
) -> tuple[int, str, list[str], str]:
    """Run a command as in a job. Return its exit code, its output, the annotations in it, and the
    step's summary."""
    out, err, summary = io.StringIO(), io.StringIO(), folder / "summary.md"
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["scripts", *arguments])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as exited:
        failures.run(command)
    lines = (out.getvalue() + err.getvalue()).split("\n")
    annotations = [line for line in lines if line.startswith("::error title=")]
    output = "\n".join(line for line in lines if line not in annotations)
    return int(exited.value.code or 0), output, annotations, summary.read_text("utf-8")


@pytest.mark.parametrize("text", VARIABLES.values(), ids=VARIABLES)
def test_usage_error_in_a_workflow_is_inert_annotated_and_in_the_summary(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The value of an option, which a workflow passes as a variable."""
    monkeypatch.setenv("PHASELINE_ENVIRONMENT", text)
    code, output, annotations, summary = outcome(main, monkeypatch, tmp_path, "status")
    assert code == 2
    assert "--environment" in output
    assert is_inert(output)
    (annotation,) = annotations
    assert "##[" not in annotation
    assert not hostile.obeyed_by_terminal(annotation)
    assert summary.startswith("**Input error:**")
    assert hostile.obeyed_by_github(summary) == []


@short_text
def test_defect_in_a_workflow_is_inert_annotated_and_in_the_summary(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its traceback, with the error that caused it, and a warning."""

    @click.command
    def command() -> None:
        print(text, file=sys.stderr)
        try:
            dict[str, str]()[text]
        except KeyError as error:
            raise ValueError(text) from error

    code, output, annotations, summary = outcome(command, monkeypatch, tmp_path)
    assert code == 1
    assert "Traceback" in output
    assert "KeyError" in output
    assert is_inert(output)
    assert len(annotations) == 1
    assert "ValueError" in summary


@short_text
def test_error_in_a_workflow_is_inert_annotated_and_in_the_summary(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @click.command
    def command() -> None:
        raise RefusedError(text, text, text)

    code, output, annotations, summary = outcome(command, monkeypatch, tmp_path)
    assert code == 7
    assert is_inert(output)
    assert len(annotations) == 1
    assert hostile.obeyed_by_github(summary) == []


@every_text
def test_annotation_is_one_line_with_its_own_properties(text: str) -> None:
    command = job.annotation(text, text, "warning", file=text)
    properties, _, message = command.removeprefix("::warning ").partition("::")
    assert [part.partition("=")[0] for part in properties.split(",")] == ["file", "title"]
    assert "\n" not in command
    assert "##[" not in command
    assert hostile.obeyed_by_terminal(command) == []
    shown = message.replace("%0A", "\n").replace("%25", "%")
    assert shown == visible(text).replace("##[", "## [")


@every_text
def test_output_of_a_step_has_its_value_and_sets_no_other(text: str, tmp_path: Path) -> None:
    file = tmp_path / "outputs"
    job.write_outputs({"GITHUB_OUTPUT": str(file)}, {"a": text, "b": "done"})
    kept = text.encode(errors="backslashreplace").decode()
    with file.open(encoding="utf-8", newline="") as written:
        assert read_outputs(written.read()) == {"a": kept, "b": "done"}


# ---- What GitHub shows ----------------------------------------------------------------------


@every_text
def test_markdown_shows_text_as_it_is(text: str) -> None:
    escaped = markdown.escape(text[:100_000])
    assert "\n" not in escaped
    link = markdown.link(text[:100_000], RUN)
    code = markdown.code(text[:100_000])
    for shown in (escaped, link, code, f"| {escaped} | {code} |\n|-|-|\n| {link} | {escaped} |"):
        assert hostile.obeyed_by_github(shown, RUN) == []


@short_text
def test_comment_of_a_preview_shows_text_as_it_is(text: str) -> None:
    change = ResourceChange(text, text, text, text, (text, text))
    for result in (
        StackResult(text, "update", (change, change)),
        StackResult(text, "create", note=text),
    ):
        for failure in ("", text):
            shown = preview_comment.text("demo", result, failure=failure, link=RUN)
            body = shown.partition("\n")[2]  # the marker is a comment
            assert hostile.obeyed_by_github(body, RUN) == []
            assert len(shown) <= 65_536


@every_text
def test_drift_report_shows_text_as_it_is(text: str) -> None:
    report = Report(
        environment=text[:1_000],
        at="2026-11-25T10:00:00Z",
        findings=(Finding("code", text, "x", text, file=text, line=1),),
        explained=(Explained(text, text),),
        failures=(Failure(text, text),),
        unchecked=(text,),
    )
    shown = report_text.markdown(report, [Repaired(Repair("build"), text)])
    assert hostile.obeyed_by_github(shown.replace("<details>", "").replace("</details>", "")) == []
    assert len(shown) <= 65_536


@short_text
def test_summaries_show_text_as_it_is(text: str) -> None:
    journal = Journal(
        text, text, steps=[ConsoleStep(text, text, url=RUN), ConsoleStep("a", text, url=text)]
    )
    move = AttributedMove(text, text, text, text, who=text, reason=text)
    document = Document("opt")
    journal.subjects = (Subject(document, document, "v", (move,), changed=True, note=text),)
    journal.outcome = "done"
    journal.execution_url = journal.site_url = RUN
    journal.differences = Differences((text,), (text,), text)
    assert hostile.obeyed_by_github(journal.markdown(), RUN) == []
    assert hostile.obeyed_by_github(deployed("demo", [text, "  x"])) == []
    rows = [Row(text, (text,), text, matches=False)]
    assert hostile.obeyed_by_github(compared(text, rows, [text])) == []


# ---- What Slack shows -----------------------------------------------------------------------


@every_text
def test_slack_shows_text_as_it_is(text: str) -> None:
    failed = Action(text, text, "Failed", text, text, text, text)
    requested = release(
        release_id=text, algorithm=text, version=text, previous=text, who=text, reason=text,
        run_url=f"https://x/{text}",
    )  # fmt: skip
    place = Place(text, text, text)
    standing = Standing(
        State.FAILED,
        releases=(requested,),
        count=1,
        execution=text,
        commit=text,
        document=text,
        document_version=text,
        failure=failed,
        seconds=1.0,
        stages=(StageTime(text, 1.0),),
    )
    messages = [
        rendering.progress(place, standing),
        rendering.details(place, standing),
        rendering.failure(place, failed, text, [text]),
        rendering.end(standing),
        rendering.reported(
            environment=text,
            succeeded=False,
            title=text,
            what=text,
            facts={text: text},
            links={text: text, "Run": f"https://x/{text}"},
        ),
    ]
    for message in messages:
        assert hostile.obeyed_by_slack(vars(message)) == []
        json.dumps(vars(message), ensure_ascii=False).encode()  # no half of a character


# ---- What a log gets ------------------------------------------------------------------------


@every_text
def test_metric_is_one_short_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.emit("RecordRejected", 1, environment="demo", now=0.0, error=text)
    (line_,) = capsys.readouterr().out.splitlines()
    assert json.loads(line_)["RecordRejected"] == 1
    assert json.loads(line_)["error"] == text[: metrics.PROPERTY_LIMIT]
    assert len(line_) < 256 * 1024


# ---- What is accepted -----------------------------------------------------------------------


def refusal(**fields: Any) -> str:
    """Return the error about a request to hold opt/a that has these fields, or nothing."""
    at = "2026-11-25T10:00:00Z"
    asked = {"action": "hold", "type": "opt", "algorithms": ("a",), "reason": "r", "who": "w"}
    try:
        check_request(Request(**(asked | {"at": at, "id": "1"} | fields)))
    except InputError as error:
        return str(error)
    return ""


@every_text
def test_names_and_times_of_a_request_have_no_room_for_harm(text: str) -> None:
    for fields in (
        {"action": text}, {"type": text}, {"algorithms": (text,)}, {"until": text},
        {"window": text}, {"action": "promote", "version": text},
        {"action": "rollback", "as_of": text},
    ):  # fmt: skip
        assert 0 < len(refusal(**fields)) < 10_000
    assert not NAME_PATTERN.fullmatch(text)


@every_text
def test_reason_is_text_of_a_sentence(text: str) -> None:
    fits = len(text) <= REASON_LIMIT and not hostile.obeyed_by_terminal(text)
    assert (refusal(reason=text) == "") == (fits and visible(text) == text)


# ---- Any text -------------------------------------------------------------------------------

PARTS = st.sampled_from(
    [*SHORT.values(), "::", "##", "[", "#", ":", "`", "@", "\r", "\n", "<", "|"]
)
ANY = st.lists(PARTS | st.text(max_size=5), max_size=6).map("".join)


@settings(max_examples=200)
@given(ANY)
def test_any_text_is_not_obeyed(text: str) -> None:
    out = io.StringIO()
    stream = streams.InertStream(out)
    print(text, text, sep="", file=stream)
    assert is_inert(out.getvalue())
    assert "\n" not in line(text)
    escaped = markdown.escape(text)
    fenced = "\n".join(markdown.fenced(text, "diff"))
    for shown in (escaped, f"| {escaped} |\n|-|\n| {markdown.code(text)} |", fenced):
        assert hostile.obeyed_by_github(shown) == []


def test_readers_find_hostile_text() -> None:
    """Each of them sees what it is there for."""
    assert hostile.obeyed_by_runner("a\r ::add-mask::x")
    assert hostile.obeyed_by_runner("a ##[add-mask]x")
    assert hostile.obeyed_by_terminal("\x1b[0m")
    assert hostile.obeyed_by_slack({"text": "<!channel>"})
    assert hostile.obeyed_by_slack({"type": "mrkdwn", "text": "@here"})
    for text in ("<b>x</b>", "[a](https://x)", r"\@ana", r"\#1", "https://x", "GH-1", "![](x)"):
        assert hostile.obeyed_by_github(text)
