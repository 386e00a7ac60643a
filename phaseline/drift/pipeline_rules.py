"""Pure: whether a pipeline is as its template declares it, and lets everything through.

The definition is compared here and not by CloudFormation, whose published list of types with drift
detection had no pipelines; and a disabled transition is no property that it could compare. What is
compared is what it compares elsewhere: each property that the template gives. Of what the template
leaves out, single values are the service's defaults; a whole structure (a stage, an action, a
trigger) was added by somebody.
https://github.com/awsdocs/aws-cloudformation-user-guide/blob/main/doc_source/resource-import-supported-resources.md
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PIPELINE = "AWS::CodePipeline::Pipeline"
_ELSEWHERE = {"Tags", "RestartExecutionOnUpdate", "DisableInboundStageTransitions"}
"""Properties of the resource that are no part of the pipeline's definition."""


def differences(declared: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Where GetPipeline's `found` is not what the resource's properties `declared` say.

    `declared` has no functions left. Each difference is a path with both values:
    "stages.Build.actions.Build.configuration.ProjectName: expected site, found other".
    """
    definition = {name: one for name, one in declared.items() if name not in _ELSEWHERE}
    wanted = [stage["Name"] for stage in declared["Stages"]]
    there = [stage["name"] for stage in found["stages"]]
    moved = sorted(wanted) == sorted(there) and wanted != there
    order = f"stages: expected {', '.join(wanted)}, found {', '.join(there)}"
    return (*([order] if moved else []), *_compared(_spelled(definition), _spelled(found), ""))


def disabled(declared: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The stages of GetPipelineState's `state` that nothing may enter though the template does not
    say so, each with the reason that was given for it."""
    meant = {one["StageName"] for one in declared.get("DisableInboundStageTransitions", [])}
    for stage in state["stageStates"]:
        transition = stage.get("inboundTransitionState", {})
        if not transition.get("enabled", True) and stage["stageName"] not in meant:
            yield stage["stageName"], transition.get("disabledReason", "")


def _compared(declared: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(declared, Mapping) and isinstance(found, Mapping):
        for name in [*declared, *(name for name in found if name not in declared)]:
            inner = f"{path}.{name}" if path else name
            if name not in found:
                yield f"{inner}: expected {_told(declared[name])}, found nothing"
            elif name in declared:
                yield from _compared(declared[name], found[name], inner)
            elif found[name] and (not isinstance(found[name], str) or _is_free(path)):
                yield f"{inner}: expected nothing, found {_told(found[name])}"
    elif declared != found:
        yield f"{path}: expected {_told(declared)}, found {_told(found)}"


def _is_free(path: str) -> bool:
    """Whether the members of the structure at `path` are an action's own, not the service's."""
    return path.endswith(".configuration")


def _spelled(value: Any, *, free: bool = False) -> Any:
    """A value as both sides can be compared: the API's spelling of names, scalars as text, lists
    of what has a name by these, what is empty left out. `free` names stay as they are."""
    if isinstance(value, Mapping):
        named = {name if free else name[:1].lower() + name[1:]: one for name, one in value.items()}
        spelled = {name: _spelled(one, free=name == "configuration") for name, one in named.items()}
        return {name: one for name, one in spelled.items() if one not in ({}, [])}
    if isinstance(value, Sequence) and not isinstance(value, str):
        members = [_spelled(one) for one in value]
        if all(isinstance(one, Mapping) and "name" in one for one in members):
            return {one["name"]: one for one in members}
        return members
    return str(value).lower() if isinstance(value, bool) else str(value)


def _told(value: Any) -> str:
    match value:
        case str():
            return value or "an empty text"
        case {"name": str(name)}:
            return name
        case Mapping():
            return ", ".join(value)
    return json.dumps(value)
