"""The `gh` of the tests asks GitHub's API as GitHub's own does."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from local.github.gh import main
from tests.workflows.conftest import NAME, GitHub, failing
from tests.workflows.repositories import FILES


@pytest.fixture
def hub(hub: GitHub, tmp_path: Path) -> GitHub:
    """GitHub with a workflow that is started by hand."""
    hub.add(NAME, FILES, tmp_path / "files")
    return hub


def gh(hub: GitHub, *words: str) -> Result:
    """Run it for the repository."""
    environ = {"GH_REPO": NAME, "GH_TOKEN": "right", "GITHUB_API_URL": hub.url}
    return CliRunner().invoke(main, words, env=environ)


def test_workflow_starts_with_its_fields(hub: GitHub, tmp_path: Path) -> None:
    """A workflow starts on the default branch with its fields; @FILE is a value of a field only."""
    (tmp_path / "who").write_text("ada")
    asked = ("--field", f"who=@{tmp_path / 'who'}", "--raw-field", "loud=false")
    answer = gh(hub, "workflow", "run", "asked.yml", *asked)

    assert (answer.exit_code, answer.output.split()[-1]) == (0, "main")
    assert hub.run("asked.yml")["title"] == "ada by octocat"


def test_refusal_of_github_ends_with_1(hub: GitHub) -> None:
    """A refusal is told with its status, and ends with 1."""
    answer = gh(hub, "workflow", "run", "asked.yml", "--raw-field", "who=@eve")

    assert answer.exit_code == 1
    assert "(HTTP 422)" in answer.stderr
    assert hub.control("runs") == []


def test_placeholders_of_an_endpoint_are_filled(hub: GitHub) -> None:
    """An endpoint's placeholders are those of the repository; a fault ends with 1."""
    assert json.loads(gh(hub, "api", "repos/{owner}/{repo}").stdout)["full_name"] == NAME
    with failing(hub.url, {"status": 503}):
        answer = gh(hub, "api", "repos/{owner}/{repo}")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "(HTTP 503)" in answer.stderr


def test_field_without_a_value_is_refused(hub: GitHub) -> None:
    """A field that has no value is refused before anything is asked for."""
    answer = gh(hub, "workflow", "run", "asked.yml", "--field", "who")

    assert answer.exit_code == 1
    assert "separated by an '=' sign" in answer.stderr
