"""Which events a workflow file wants, which inputs it takes, and how act is given it."""

from dataclasses import replace
from typing import Any

import pytest

from local.workflows.act_files import Origin, excess, sanitise, sanitise_action, used, written
from local.workflows.files import (
    Event,
    dispatch_inputs,
    parse,
    selects,
    triggers,
    typed_inputs,
    wants,
)

PUSH = Event("push", "acme/automation", "refs/heads/main", "1" * 40, changed=("docs/a.md", "b.py"))
TAG = replace(PUSH, ref="refs/tags/v1")
ORIGIN = Origin("acme/automation", "refs/heads/main", "1" * 40, ".github/workflows/a.yml")


def pull(action: str, base: str = "main") -> Event:
    """A pull request's event."""
    payload = {"action": action, "pull_request": {"base": {"ref": base}}}
    return replace(PUSH, name="pull_request", payload=payload)


def test_on_is_a_word() -> None:
    """`on` and `yes` are words, true and false are not, as in YAML 1.2."""
    assert parse("on: push\na: yes\nb: true\nc: 2026-01-01\nd: 3.11") == {
        "on": "push",
        "a": "yes",
        "b": True,
        "c": "2026-01-01",
        "d": 3.11,
    }


@pytest.mark.parametrize("text", ["- a list", "a: [", "a: b: c"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """A file that is no YAML mapping is an error."""
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


@pytest.mark.parametrize("on", ["push", ["push"], {"push": None}, {"push": {}}])
def test_triggers_have_one_form(on: Any) -> None:
    """However `on:` is written, it says the same."""
    assert triggers({"on": on}) == {"push": {}}


@pytest.mark.parametrize(
    ("filters", "event", "wanted"),
    [
        ({}, PUSH, True),
        ({"branches": ["main"]}, PUSH, True),
        ({"branches": ["release/**"]}, PUSH, False),
        ({"branches": "m*"}, PUSH, True),
        ({"branches-ignore": ["main"]}, PUSH, False),
        ({"branches": ["main"]}, TAG, False),
        ({"tags": ["v*"]}, TAG, True),
        ({"tags": ["v*"]}, PUSH, False),
        ({"paths": ["docs/**"]}, PUSH, True),
        ({"paths": ["docs/**", "!docs/a.md"]}, PUSH, False),
        ({"paths-ignore": ["docs/**"]}, PUSH, True),
        ({"paths-ignore": ["**"]}, PUSH, False),
        ({"branches": ["main"], "paths": ["infra/*"]}, PUSH, False),
        ({}, pull("opened"), True),
        ({}, pull("closed"), False),
        ({"types": ["closed"]}, pull("closed"), True),
        ({"branches": ["main"]}, pull("opened", "topic"), False),
        ({"paths": ["*.py"]}, pull("synchronize"), True),
    ],
)
def test_filters(filters: dict[str, Any], event: Event, wanted: bool) -> None:
    """Branches, tags, paths and types decide whether an event runs a workflow."""
    assert wants({"on": {event.name: filters}}, event) is wanted


def test_dispatch_types() -> None:
    """A repository dispatch runs the workflows that name its type, or none."""
    event = replace(PUSH, name="repository_dispatch", payload={"action": "told"})
    assert wants({"on": {"repository_dispatch": {"types": ["told", "other"]}}}, event)
    assert wants({"on": "repository_dispatch"}, event)
    assert not wants({"on": {"repository_dispatch": {"types": ["other"]}}}, event)
    assert not wants({"on": "push"}, event)


@pytest.mark.parametrize(
    ("pattern", "name", "selected"),
    [
        ("*", "feature", True),
        ("*", "feature/a", False),
        ("**", "feature/a", True),
        ("**/a.py", "a.py", True),
        ("**/a.py", "x/y/a.py", True),
        ("v[0-9].x", "v2.x", True),
        ("v[0-9].x", "v2ax", False),
        ("*.jsx?", "page.js", True),
        ("v1+", "v111", True),
    ],
)
def test_patterns(pattern: str, name: str, selected: bool) -> None:
    """Patterns mean what GitHub's do."""
    assert selects([pattern], name) is selected


INPUTS = {
    "on": {
        "workflow_dispatch": {
            "inputs": {
                "environment": {"type": "environment", "required": True},
                "action": {"type": "choice", "options": ["promote", "hold"], "default": "promote"},
                "dry": {"type": "boolean"},
                "count": {"type": "number", "default": 3},
                "text": None,
            }
        }
    }
}


def test_inputs_are_completed() -> None:
    """Defaults fill what is not given; the event has texts, the context booleans."""
    inputs = dispatch_inputs(INPUTS, {"environment": "demo"})
    assert inputs == {
        "environment": "demo",
        "action": "promote",
        "dry": "false",
        "count": "3",
        "text": "",
    }
    assert typed_inputs(INPUTS, {**inputs, "dry": "true"})["dry"] is True


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Required input 'environment' not provided"),
        ({"environment": "demo", "what": "x"}, "Unexpected inputs provided"),
        ({"environment": "demo", "action": "delete"}, "not in the list of allowed values"),
        ({"environment": "demo", "dry": "perhaps"}, "not a boolean"),
    ],
)
def test_wrong_inputs_are_refused(given: dict[str, str], message: str) -> None:
    """A manual run is refused for inputs that the file does not declare or allow."""
    with pytest.raises(ValueError, match=message):
        dispatch_inputs(INPUTS, given)


WORKFLOW = """\
on: {schedule: [{cron: "1 1 * * *", timezone: Europe/Berlin}]}
permissions: {id-token: write}
concurrency: {group: all, queue: max}
jobs:
  one:
    runs-on: ubuntu-24.04
    environment: {name: demo, url: "${{ steps.a.outputs.url }}", deployment: false}
    concurrency: {group: "one-${{ inputs.x }}", queue: max}
    permissions: {}
    steps:
      - uses: $/.github/actions/setup
      - uses: ./.github/actions/local
  two:
    uses: $/.github/workflows/b.yml
  three:
    uses: ./.github/workflows/b.yml
    permissions: {id-token: write}
"""


def test_workflow_for_act() -> None:
    """What act refuses is gone, and the jobs' first and last steps know of it."""
    before = parse(WORKFLOW)
    made = sanitise(before, ORIGIN, "All")

    text = written(made)
    assert "timezone" not in text
    assert "queue" not in text
    assert "$/" not in text
    assert parse(text) == made
    assert before == parse(WORKFLOW)
    begin, setup, local, end = made["jobs"]["one"]["steps"]
    assert begin["env"]["ACT_ENVIRONMENT"] == "demo"
    assert (begin["env"]["ACT_DEPLOYMENT"], begin["env"]["ACT_QUEUE"]) == ("false", "max")
    assert begin["env"]["ACT_GROUP"] == "one-${{ inputs.x }}"
    assert '"id_token": false' in begin["env"]["ACT_JOB"]
    assert setup["uses"] == f"acme/automation/.github/actions/setup@{ORIGIN.sha}"
    assert local["uses"] == "./.github/actions/local"
    assert (end["if"], end["env"]["ACT_URL"]) == ("${{ always() }}", "${{ steps.a.outputs.url }}")
    called = f"acme/automation/.github/workflows/b.yml@{ORIGIN.sha}"
    assert [made["jobs"][name]["uses"] for name in ("two", "three")] == [called, called]
    assert {use.path for use in used(made)} == {
        ".github/actions/setup",
        ".github/workflows/b.yml",
    }


def test_action_for_act() -> None:
    """A composite action names its neighbours by the commit that it is of."""
    action = {"runs": {"using": "composite", "steps": [{"uses": "$/a"}, {"run": "true"}]}}

    (use,) = used(sanitise_action(action, ORIGIN))
    assert (use.repository, use.path, use.ref) == ("acme/automation", "a", ORIGIN.sha)


@pytest.mark.parametrize(
    ("granted", "asked", "beyond"),
    [
        ({"contents": "read"}, {"contents": "read"}, False),
        ({"contents": "write"}, {"contents": "read"}, False),
        ({"contents": "read"}, {"contents": "write"}, True),
        ({}, {"id-token": "write"}, True),
        ({}, {"id-token": "none"}, False),
        ({}, None, False),
        ("write-all", {"id-token": "write"}, False),
    ],
)
def test_permissions_of_called_workflows(granted: Any, asked: Any, beyond: bool) -> None:
    """A called workflow may not ask for more than the job that calls it was given."""
    inner = {} if asked is None else {"permissions": asked}
    called = {"jobs": {"inner": inner}}
    assert bool(excess({"permissions": granted}, {}, called)) is beyond
    assert bool(excess({}, {"permissions": granted}, called)) is beyond
