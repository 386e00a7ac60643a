"""Pure: the rules for a pipeline's declaration and the values of its variables."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.ministack.shapes import ServiceError

_REFERENCE = re.compile(r"#\{([^{}]+)\}")


@dataclass(frozen=True)
class Provider:
    """The configuration and artifacts of an action type. Numbers of artifacts are (minimum,
    maximum)."""

    required: frozenset[str]
    optional: frozenset[str]
    inputs: tuple[int, int]
    outputs: tuple[int, int]


# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference.html
PROVIDERS = {
    ("Source", "S3"): Provider(
        frozenset({"S3Bucket", "S3ObjectKey"}),
        frozenset({"PollForSourceChanges", "AllowOverrideForS3ObjectKey"}),
        (0, 0),
        (1, 1),
    ),
    ("Source", "CodeStarSourceConnection"): Provider(
        frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        frozenset({"OutputArtifactFormat", "DetectChanges"}),
        (0, 0),
        (1, 1),
    ),
    ("Build", "CodeBuild"): Provider(
        frozenset({"ProjectName"}),
        frozenset({"PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"}),
        (1, 5),
        (0, 5),
    ),
    ("Test", "CodeBuild"): Provider(
        frozenset({"ProjectName"}),
        frozenset({"PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"}),
        (1, 5),
        (0, 5),
    ),
    ("Invoke", "Lambda"): Provider(
        frozenset({"FunctionName"}), frozenset({"UserParameters"}), (0, 5), (0, 5)
    ),
    ("Deploy", "S3"): Provider(
        frozenset({"BucketName", "Extract"}),
        frozenset({"ObjectKey", "CannedACL", "CacheControl", "KMSEncryptionKeyARN"}),
        (1, 1),
        (0, 0),
    ),
}


class UnresolvedVariableError(Exception):
    """No finished action has set the variable `#{namespace.name}`."""


def resolve(text: str, namespaces: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text with the value of each `#{namespace.name}`."""

    def value(match: re.Match[str]) -> str:
        namespace, _, name = match[1].strip().partition(".")
        try:
            return namespaces[namespace][name]
        except KeyError as error:
            raise UnresolvedVariableError(f"The variable {match[0]} has no value") from error

    return _REFERENCE.sub(value, text)


def in_order(actions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the actions of a stage by run order. Actions of one group run at the same time."""
    by_order = sorted(actions, key=lambda action: action.get("runOrder", 1))
    return [
        list(group)
        for _, group in itertools.groupby(by_order, lambda action: action.get("runOrder", 1))
    ]


def starting_variables(
    declaration: Mapping[str, Any], given: list[dict[str, str]]
) -> dict[str, str]:
    """Return the values of the pipeline's variables: the given ones, or the defaults."""
    declared = {entry["name"]: entry for entry in declaration.get("variables", [])}
    values = {name: e["defaultValue"] for name, e in declared.items() if "defaultValue" in e}
    for entry in given:
        if entry["name"] not in declared:
            raise ServiceError(
                "ValidationException", f"Variable {entry['name']} is not declared by the pipeline"
            )
        values[entry["name"]] = entry["value"]
    for name in declared:
        if name not in values:
            raise ServiceError("ValidationException", f"Variable {name} has no value")
    return values


_REVISIONS = {
    "S3": {"S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"},
    "CodeStarSourceConnection": {"COMMIT_ID"},
}


def check_overrides(declaration: Mapping[str, Any], overrides: list[dict[str, str]]) -> None:
    """Raise ServiceError if a source revision does not match the source action that it names."""
    sources = {action["name"]: action for action in declaration["stages"][0]["actions"]}
    for entry in overrides:
        name, kind = entry["actionName"], entry["revisionType"]
        action = sources.get(name)
        if action is None:
            raise ServiceError("ValidationException", f"No source action is named {name}")
        if kind not in _REVISIONS[action["actionTypeId"]["provider"]]:
            raise ServiceError("ValidationException", f"{kind} does not fit source action {name}")
        allowed = action["configuration"].get("AllowOverrideForS3ObjectKey", "false")
        if kind == "S3_OBJECT_KEY" and allowed.lower() != "true":
            raise ServiceError(
                "ValidationException", f"AllowOverrideForS3ObjectKey is not true for {name}"
            )


def validate(declaration: Mapping[str, Any]) -> None:
    """Raise ServiceError if CodePipeline would not accept the declaration."""
    stages = declaration["stages"]
    if len(stages) < 2:
        raise ServiceError("InvalidStructureException", "A pipeline needs at least two stages")
    if ("artifactStore" in declaration) == ("artifactStores" in declaration):
        raise ServiceError(
            "InvalidStructureException", "Give either artifactStore or artifactStores"
        )
    mode = declaration.get("executionMode", "SUPERSEDED")
    if mode != "SUPERSEDED" and declaration.get("pipelineType", "V1") != "V2":
        raise ServiceError("InvalidStructureException", f"Mode {mode} needs pipelineType V2")
    _unique([stage["name"] for stage in stages], "stage name")
    actions = [action for stage in stages for action in stage["actions"]]
    _unique([a["namespace"] for a in actions if "namespace" in a], "action namespace")
    _unique([o["name"] for a in actions for o in a.get("outputArtifacts", [])], "output artifact")
    made: set[str] = set()
    for index, stage in enumerate(stages):
        if not stage["actions"]:
            raise ServiceError(
                "InvalidStageDeclarationException", f"Stage {stage['name']} is empty"
            )
        _unique([action["name"] for action in stage["actions"]], f"action in {stage['name']}")
        for group in in_order(stage["actions"]):
            for action in group:
                for fault in _action_faults(action, index == 0, made):
                    raise ServiceError(
                        "InvalidActionDeclarationException",
                        f"Action {stage['name']}.{action['name']}: {fault}",
                    )
            made |= {o["name"] for a in group for o in a.get("outputArtifacts", [])}


def _action_faults(action: Mapping[str, Any], first: bool, made: set[str]) -> Iterator[str]:
    kind = action["actionTypeId"]
    provider = PROVIDERS.get((kind["category"], kind["provider"]))
    if provider is None or kind["owner"] != "AWS" or kind["version"] != "1":
        yield f"action type {'/'.join(kind.values())} is not available here"
        return
    if (kind["category"] == "Source") is not first:
        yield "source actions belong in the first stage, and only they do"
    configuration = action.get("configuration", {})
    for name in sorted(provider.required - configuration.keys()):
        yield f"configuration {name} is missing"
    for name in sorted(configuration.keys() - provider.required - provider.optional):
        yield f"configuration {name} is unknown"
    inputs = [artifact["name"] for artifact in action.get("inputArtifacts", [])]
    yield from _count_fault("input", len(inputs), provider.inputs)
    yield from _count_fault("output", len(action.get("outputArtifacts", [])), provider.outputs)
    for name in inputs:
        if name not in made:
            yield f"input artifact {name} is no output of an earlier action"
    if kind["provider"] == "CodeBuild":
        primary = configuration.get("PrimarySource")
        if len(inputs) > 1 and primary is None:
            yield "PrimarySource is needed with several input artifacts"
        if primary is not None and primary not in inputs:
            yield f"PrimarySource {primary} is not among the input artifacts"


def _count_fault(kind: str, count: int, bounds: tuple[int, int]) -> Iterator[str]:
    if not bounds[0] <= count <= bounds[1]:
        yield f"{count} {kind} artifacts, expected {bounds[0]} to {bounds[1]}"


def _unique(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ServiceError("InvalidStructureException", f"Duplicate {what}: {', '.join(twice)}")
