"""The commands that documents and workflows show are real: files, inputs, options and operations.

The callers of reusable workflows are executed as they are, in tests/workflows/test_callers.py.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from local.workflows.files import dispatch_inputs, parse
from tests.contract.shown import inputs, shown
from tests.contract.workflow_rules import read

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob(".github/workflows/*.yml")),
]
STARTED_BY_HAND = {"promote.yml", "deploy.yml", "drift.yml", "release.yml", "audit.yml"}


EXAMPLES = [(path, words) for path in PAGES for words in shown(path)]


@pytest.mark.parametrize(("path", "words"), EXAMPLES, ids=lambda one: getattr(one, "name", ""))
def test_workflow_takes_the_shown_inputs(path: Path, words: list[str]) -> None:
    workflow = parse((ROOT / ".github/workflows" / words[3]).read_text("utf-8"))
    given = inputs(words)
    assert dispatch_inputs(workflow, given).items() >= given.items()


def test_every_workflow_that_people_start_is_shown() -> None:
    assert {words[3] for _, words in EXAMPLES} >= STARTED_BY_HAND


def test_wrong_example_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`gh workflow run a.yml -F x=1`\n\n$ gh workflow run b.yml \\\n  --field y='a b'\n"
    )
    (one, other) = shown(page)
    assert (one[3], inputs(one), other[3], inputs(other)) == (
        "a.yml",
        {"x": "1"},
        "b.yml",
        {"y": "a b"},
    )
    workflow = parse("on: {workflow_dispatch: {inputs: {x: {type: choice, options: [a]}}}}")
    for wrong in ({"x": "1"}, {"y": "a"}):
        with pytest.raises(ValueError, match="input"):
            dispatch_inputs(workflow, wrong)


def test_shown_dispatch_is_the_event_of_the_workflow() -> None:
    """The header of on-version-tested.yml shows an event that starts it, within GitHub's limits."""
    file = read()[".github/workflows/on-version-tested.yml"]
    text = re.sub(r"^# ?", "", file.text, flags=re.MULTILINE)
    (event,) = re.findall(r"<<'EVENT'\n(.*?)\n\s*EVENT", text, re.DOTALL)
    sent = json.loads(event)
    assert file.data["on"]["repository_dispatch"]["types"] == [sent["event_type"]]
    used = set(re.findall(r"client_payload\.(\w+)", file.text))
    assert used <= sent["client_payload"].keys()
    assert len(sent["client_payload"]) <= 10


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")), ids=str)
def test_issue_form_is_complete(path: Path) -> None:
    """GitHub does not show a form that lacks one of these keys.

    https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
    """
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert all(link.keys() == {"name", "url", "about"} for link in form["contact_links"])
        return
    assert form["name"]
    assert form["description"]
    assert any(field["type"] != "markdown" for field in form["body"])
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])


def test_every_pattern_of_the_code_owners_matches_a_path() -> None:
    """Whether the owners exist, only GitHub tells."""
    text = (ROOT / ".github/CODEOWNERS").read_text("utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    for pattern, *owners in lines:
        assert pattern == "*" or (ROOT / pattern.strip("/")).exists(), pattern
        assert [owner for owner in owners if not owner.startswith("@")] == []
