"""Workflow files: their events, filters and inputs.

Pure: texts and values in, values out.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

# https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request
PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")


class Loader(yaml.SafeLoader):
    """YAML as GitHub reads it. The word `on` is a text, and not the value true."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class Event:
    """An event of a repository (`owner/name`).

    `payload` is the payload of a webhook. `workflow` names the workflow file of an event that
    starts only one (workflow_dispatch, schedule). `changed` contains the paths of a push or pull
    request.
    """

    name: str
    repository: str
    ref: str
    sha: str
    payload: dict[str, Any] = field(default_factory=dict)
    actor: str = "octocat"
    workflow: str = ""
    changed: tuple[str, ...] = ()
    from_fork: bool = False


def parse(text: str) -> dict[str, Any]:
    """Parse a workflow or action file. Raises ValueError if it is not a YAML mapping."""
    try:
        content = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(content, dict):
        raise ValueError("the file is not a mapping")  # noqa: TRY004 - the content is wrong, and not an argument's type
    return content


def triggers(workflow: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the events of `on:` in its longest form."""
    declared = workflow.get("on") or {}
    if isinstance(declared, str):
        declared = [declared]
    if isinstance(declared, list):
        return {name: {} for name in declared}
    return {
        name: filters if isinstance(filters, dict) else {} for name, filters in declared.items()
    }


def wants(workflow: Mapping[str, Any], event: Event) -> bool:
    """Return whether the event starts the workflow, by its name and filters."""
    declared = triggers(workflow)
    if event.name not in declared:
        return False
    filters = declared[event.name]
    if event.name == "push":
        kind = "tags" if event.ref.startswith("refs/tags/") else "branches"
        name = event.ref.split("/", 2)[2]
        other = {"tags": "branches", "branches": "tags"}[kind]
        if kind not in filters and f"{kind}-ignore" not in filters and other in filters:
            return False
        return _passes(filters, kind, [name]) and _passes(filters, "paths", event.changed)
    if event.name == "pull_request":
        types = filters.get("types", PULL_REQUEST_TYPES)
        base = event.payload["pull_request"]["base"]["ref"]
        return (
            event.payload["action"] in types
            and _passes(filters, "branches", [base])
            and _passes(filters, "paths", event.changed)
        )
    if event.name == "repository_dispatch":
        return event.payload["action"] in filters.get("types", [event.payload["action"]])
    return True


def _passes(filters: Mapping[str, Any], kind: str, names: Collection[str]) -> bool:
    """Return whether a filter accepts one of the names. A filter with `-ignore` rejects its
    matches."""
    if kind in filters:
        return any(selects(filters[kind], name) for name in names)
    if f"{kind}-ignore" in filters:
        return any(not selects(filters[f"{kind}-ignore"], name) for name in names)
    return True


def selects(patterns: str | list[str], name: str) -> bool:
    """Return whether a list of patterns selects a name. The last matching pattern decides."""
    selected = False
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if re.fullmatch(_regex(pattern.removeprefix("!")), name):
            selected = not pattern.startswith("!")
    return selected


def _regex(pattern: str) -> str:
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*|\[[^\]]*\]|[?+])", pattern)
    return "".join(
        special.get(part) or (part if part in ("?", "+") or part[:1] == "[" else re.escape(part))
        for part in parts
    )


def dispatch_inputs(workflow: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the inputs of a manual run with their defaults, in the form of the event.

    Raises ValueError with GitHub's message if the workflow cannot be started by hand, or lacks an
    input.
    """
    declared = triggers(workflow)
    if "workflow_dispatch" not in declared:
        raise ValueError("Workflow does not have 'workflow_dispatch' trigger")
    inputs = declared["workflow_dispatch"].get("inputs") or {}
    if unexpected := sorted(given.keys() - inputs.keys()):
        raise ValueError(f"Unexpected inputs provided: {json.dumps(unexpected)}")
    return {name: _input(name, asked or {}, given) for name, asked in inputs.items()}


def typed_inputs(workflow: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the context `inputs` of a manual run, in which booleans are not texts."""
    declared = triggers(workflow).get("workflow_dispatch", {}).get("inputs") or {}
    return {
        name: text == "true" if (declared[name] or {}).get("type") == "boolean" else text
        for name, text in inputs.items()
    }


def _input(name: str, asked: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    kind = asked.get("type", "string")
    value = given.get(name, asked.get("default"))
    if value in (None, ""):
        if asked.get("required"):
            raise ValueError(f"Required input '{name}' not provided")
        return "false" if kind == "boolean" else ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "choice" and text not in map(str, asked.get("options", [])):
        raise ValueError(
            f"Provided value '{text}' for input '{name}' not in the list of allowed values"
        )
    if kind == "boolean" and text not in ("true", "false"):
        raise ValueError(f"Provided value '{text}' for input '{name}' is not a boolean")
    return text
