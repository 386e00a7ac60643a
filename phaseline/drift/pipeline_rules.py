"""Pure: compares a pipeline with its template, and finds disabled transitions.

CloudFormation does not do this: its published list of resource types with drift detection had no
pipelines, and a disabled transition is not a property. As in CloudFormation's detection, each
property that the template sets is compared. A single value that the template does not set is the
service's default; a structure that it does not set (stage, action, trigger) was added by somebody.
https://github.com/awsdocs/aws-cloudformation-user-guide/blob/main/doc_source/resource-import-supported-resources.md
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PIPELINE = "AWS::CodePipeline::Pipeline"
_ELSEWHERE = {"Tags", "RestartExecutionOnUpdate", "DisableInboundStageTransitions"}
"""Properties of the resource that are not part of the pipeline's definition."""


def differences(declared: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the differences between the resource's properties and GetPipeline's answer `found`.

    The functions in `declared` are resolved. Each difference is a path with both values:
    "stages.Build.actions.Build.configuration.ProjectName: expected site, found other".
    """
    definition = {name: value for name, value in declared.items() if name not in _ELSEWHERE}
    expected_order = [stage["Name"] for stage in declared["Stages"]]
    found_order = [stage["name"] for stage in found["stages"]]
    moved = sorted(expected_order) == sorted(found_order) and expected_order != found_order
    order = f"stages: expected {', '.join(expected_order)}, found {', '.join(found_order)}"
    changes = _compared(_normalized(definition), _normalized(found), "")
    return (*([order] if moved else []), *changes)


def disabled(declared: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each stage whose inbound transition is disabled in GetPipelineState's answer `state`
    but not in the template, with the reason that was given."""
    transitions = declared.get("DisableInboundStageTransitions", [])
    intended = {transition["StageName"] for transition in transitions}
    for stage in state["stageStates"]:
        transition = stage.get("inboundTransitionState", {})
        if not transition.get("enabled", True) and stage["stageName"] not in intended:
            yield stage["stageName"], transition.get("disabledReason", "")


def _compared(declared: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(declared, Mapping) and isinstance(found, Mapping):
        for name in [*declared, *(name for name in found if name not in declared)]:
            inner = f"{path}.{name}" if path else name
            if name not in found:
                yield f"{inner}: expected {_as_text(declared[name])}, found nothing"
            elif name in declared:
                yield from _compared(declared[name], found[name], inner)
            elif found[name] and (not isinstance(found[name], str) or _is_free(path)):
                yield f"{inner}: expected nothing, found {_as_text(found[name])}"
    elif declared != found:
        yield f"{path}: expected {_as_text(declared)}, found {_as_text(found)}"


def _is_free(path: str) -> bool:
    """Return whether an action, not the service, names the members of the structure at `path`."""
    return path.endswith(".configuration")


def _normalized(value: Any, *, free: bool = False) -> Any:
    """Return a value in the form that both sides share.

    Names have the API's case, unless they are `free`. Scalars are text, lists of named members are
    mappings by name, and empty members are left out.
    """
    if isinstance(value, Mapping):
        named = {
            name if free else name[:1].lower() + name[1:]: member for name, member in value.items()
        }
        normalized = {
            name: _normalized(member, free=name == "configuration")
            for name, member in named.items()
        }
        return {name: member for name, member in normalized.items() if member not in ({}, [])}
    if isinstance(value, Sequence) and not isinstance(value, str):
        members = [_normalized(member) for member in value]
        if all(isinstance(member, Mapping) and "name" in member for member in members):
            return {member["name"]: member for member in members}
        return members
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value or "an empty text"
        case {"name": str(name)}:
            return name
        case Mapping():
            return ", ".join(value)
    return json.dumps(value)
