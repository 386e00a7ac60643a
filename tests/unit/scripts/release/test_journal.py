"""The journal of a release as JSON, summary and outputs, and the usage of the commands."""

import io
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from phaseline.documents.document import Document
from phaseline.errors import DeploymentError, InputError, PhaselineError, RefusedError
from phaseline.github import markdown
from scripts.__main__ import main
from scripts.cli import failures
from scripts.cli.console import Console
from scripts.github import job
from scripts.release.journal import (
    ALREADY_DONE,
    DONE,
    DRY_RUN,
    FAILED,
    INTERRUPTED,
    REFUSED,
    SUPERSEDED,
    Journal,
)
from scripts.release.subject import AttributedMove, Subject
from tests.builders.outputs import read_outputs
from tests.builders.timing import Timer

MOVE = AttributedMove(
    "route-planner", "2.0.3", "2.1.0", "opt-route-planner-2.1.0-1a2b", "ana", "faster"
)
ALPHABET = st.characters(exclude_characters="\r", exclude_categories=["Cs"])
NOTE = "route-planner: 2.0.3 -> 2.1.0"
SUBJECT = Subject(Document("opt", 6), Document("opt", 7), "v7", (MOVE,), True, NOTE)


def journal(**facts: Any) -> Journal:
    """The journal of a promotion, one step of which took two seconds."""
    timer = Timer()
    console = quiet(timer)
    title = "promote opt/route-planner 2.1.0 (demo)"
    kept = Journal("demo", title, console.steps, clock=timer.clock)
    kept.subjects, kept.outcome = (SUBJECT,), DONE
    kept.execution, kept.execution_url = "e1", "https://console.example/e1"
    kept.site_url = "https://www.example.com"
    with console.step("Metadata") as step:
        timer.now += 2
        step.result = "written"
    for name, value in facts.items():
        setattr(kept, name, value)
    return kept


def quiet(timer: Timer) -> Console:
    """Return a console whose output is discarded."""
    return Console(total=1, err=io.StringIO(), environ={}, clock=timer.clock)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "the pipeline execution e1 continues without this command"),
        ({"execution": None}, "the new document version starts the pipeline"),
        ({"execution": None, "subjects": ()}, "no pipeline execution is followed yet"),
    ],
)
def test_interruption_says_what_continues(facts: dict[str, Any], words: str) -> None:
    assert words in journal(outcome=INTERRUPTED, **facts).sentence


def test_summary_has_the_change_before_the_steps() -> None:
    assert journal().markdown().splitlines() == [
        "## \N{WHITE HEAVY CHECK MARK} promote opt/route-planner 2.1.0 (demo)",
        "",
        "| | |",
        "|-|-|",
        "| Result | **done** after 2.0 s |",
        r"| Change | route-planner 2.0.3 -\> 2.1.0 |",
        "| Release | opt-route-planner-2.1.0-1a2b |",
        "| Who | ana |",
        "| Why | faster |",
        "| Links | [website](https://www.example.com), [pipeline](https://console.example/e1) |",
        "",
        "| Step | Result | Duration |",
        "|-|-|-|",
        "| Metadata | written | 2.0 s |",
    ]


@given(st.text())
def test_reason_cannot_break_the_tables_of_the_summary(text: str) -> None:
    kept = journal(subjects=(replace(SUBJECT, moves=(replace(MOVE, reason=text, who=text),)),))
    rows = [line for line in kept.markdown().split("\n") if line.startswith("|")]
    plain = [line.replace("\\\\", "").replace("\\|", "") for line in rows]
    facts = 8 if text.split() else 6  # without a reason there is no row for it
    assert [line.count("|") for line in plain] == [3] * facts + [4] * 3


def test_outputs_name_the_release_and_its_execution() -> None:
    """Unknown values are empty."""
    assert journal().outputs() == {
        "outcome": "done",
        "release-id": "opt-route-planner-2.1.0-1a2b",
        "execution-id": "e1",
        "execution-url": "https://console.example/e1",
        "site-url": "https://www.example.com",
        "document-version": "v7",
    }
    assert set(Journal("demo", "x", []).outputs().values()) == {"interrupted", ""}


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (DONE, "route-planner 2.0.3 -> 2.1.0: visitors are served it"),
        (ALREADY_DONE, "route-planner 2.0.3 -> 2.1.0: already done, visitors are served it"),
        (SUPERSEDED, "route-planner 2.0.3 -> 2.1.0: visitors are served a newer version"),
        (DRY_RUN, "route-planner 2.0.3 -> 2.1.0: dry run, nothing was changed"),
    ],
)
def test_sentence_states_the_outcome(outcome: str, sentence: str) -> None:
    kept = journal(outcome=outcome)
    assert kept.sentence == sentence
    assert next(kept.lines()) == sentence
    assert kept.data()["outcome"] == outcome


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (None, "1", "a nothing -> 1"),
        ("1", None, "a 1 -> nothing"),
        ("1", "1", "a stays at 1"),
    ],
)
def test_move_names_both_versions(before: str | None, after: str | None, text: str) -> None:
    assert str(AttributedMove("a", before, after, None, "ana", "why")) == text


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(DeploymentError, FAILED), (RefusedError, REFUSED), (InputError, REFUSED)],
)
def test_error_becomes_the_sentence_and_its_step_fails(
    kind: type[PhaselineError], outcome: str
) -> None:
    console = quiet(Timer())
    kept = Journal("demo", "x", console.steps)

    def broken() -> None:
        with console.step("Pipeline"):
            raise kind("pipeline p", "Build failed", "Look at its log.")

    with pytest.raises(kind) as caught:
        broken()
    kept.fail(caught.value)
    assert kept.outcome == outcome
    assert kept.sentence == "pipeline p: Build failed. Look at its log."
    assert [step.result for step in kept.steps] == ["failed"]


@given(st.dictionaries(st.sampled_from(["a", "b-c"]), st.text(ALPHABET)))
def test_output_values_are_read_back_unchanged(values: dict[str, str]) -> None:
    """Line breaks included; no value sets another output."""
    with tempfile.NamedTemporaryFile() as file:
        job.write_outputs({"GITHUB_OUTPUT": file.name}, values)
        assert read_outputs(Path(file.name).read_bytes().decode()) == values


def test_nothing_is_written_outside_of_a_job(tmp_path: Path) -> None:
    job.write_outputs({}, {"a": "b"})
    job.write_summary({}, "# x")
    assert list(tmp_path.iterdir()) == []


def test_summaries_are_appended_and_cut(tmp_path: Path) -> None:
    """GitHub would drop a summary that is too long."""
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    job.write_summary(environ, "one")
    job.write_summary(environ, "two")
    assert (tmp_path / "summary").read_text() == "one\ntwo\n"
    job.write_summary(environ, "\N{CROSS MARK}" * job.SUMMARY_LIMIT)
    assert (tmp_path / "summary").stat().st_size < job.SUMMARY_LIMIT


@pytest.mark.parametrize(
    ("label", "url", "text"),
    [
        ("a|b", "https://x/y z", r"[a\|b](https://x/y%20z)"),
        ("a", "https://x/(y)", "[a](https://x/%28y%29)"),
        ("a", "javascript:alert(1)", "a"),
        ("a", None, "a"),
    ],
)
def test_link_leads_only_to_a_web_address(label: str, url: str | None, text: str) -> None:
    assert markdown.link(label, url) == text


RELEASE = ["release", "--environment", "demo", "--type", "opt"]


@pytest.mark.parametrize(
    "arguments",
    [
        RELEASE,
        [*RELEASE, "--action", "promote", "--algorithm", "a", "--version", "1"],
        [*RELEASE, "--action", "promote", "--algorithm", "$(reboot)", "--reason", "x"],
        [*RELEASE, "--action", "hold", "--until", "2026-12-01T08:00:00", "--reason", "no zone"],
        [*RELEASE, "--document-version", "v", "--action", "hold"],
        [*RELEASE, "--document-version", "a b"],
        ["release", "--environment", "Demo", "--type", "opt", "--document-version", "v"],
        ["release", "--environment", "demo", "--type", "up", "--document-version", "v"],
        ["start-pipeline", "--environment", "demo", "--type", "opt"],
        ["follow-pipeline", "--environment", "demo", "--execution", "e1"],
        ["update-metadata", "--environment", "demo", "--type", "in", "--action", "hold"],
        ["report", "--environment", "demo"],
        ["deploy"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """Before any call of AWS."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert "Error:" in result.stderr


COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_its_variable(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    for option in command.params:
        if not isinstance(option, click.Option):
            assert option.envvar is None
            continue
        longest = max(option.opts, key=len).removeprefix("--")
        assert option.envvar == f"PHASELINE_{longest.replace('-', '_').upper()}"


def test_empty_variable_counts_as_missing_option() -> None:
    """It is a workflow's empty input."""
    variables = {"PHASELINE_ENVIRONMENT": "demo", "PHASELINE_TYPE": "opt", "PHASELINE_ACTION": ""}
    result = CliRunner(env=variables).invoke(main, ["release"])
    assert result.exit_code == 2
    assert "Give --action" in result.stderr


def test_shell_completes_the_names_of_commands() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "scripts"],
        env=os.environ
        | {failures.COMPLETION: "bash_complete", "COMP_WORDS": "phaseline rel", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    assert found.stdout.split() == ["plain,release"]
