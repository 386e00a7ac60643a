"""Pure: whether the answers of an account are as Phaseline assumes, in the shapes of the APIs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phaseline.algorithms.attributes import text_or_none
from phaseline.algorithms.schema import Schema, describe_item
from phaseline.deploy.stack_status import decide
from phaseline.errors import InputError

ITEMS_SHOWN = 3
"""The most items of the algorithms table that one finding describes."""


class Status(StrEnum):
    """The result of checking an assumption. UNKNOWN: the account does not show it yet."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judgement:
    """The outcome of one check: its status, what was found, and the remedy if it does not hold."""

    status: Status
    found: str
    remedy: str = ""


def all_of(faults: Iterable[str], holds: str, remedy: str) -> Judgement:
    """Return an outcome that differs if there is a fault.

    >>> all_of([], "2 functions are active", "Deploy.").status
    <Status.HOLDS: 'holds'>
    """
    if listed := "; ".join(faults):
        return Judgement(Status.DIFFERS, listed, remedy)
    return Judgement(Status.HOLDS, holds)


def stacks(statuses: Mapping[str, str | None], required: Iterable[str]) -> Judgement:
    """Check that each stack can be updated; a status is None if its stack is not deployed.

    After a failed update that was taken back in the repository, a stack stays in
    UPDATE_ROLLBACK_COMPLETE, because a deployment finds nothing to change.
    """
    missing = [f"{name} is not deployed" for name in required if statuses[name] is None]
    deployed = {name: status for name, status in statuses.items() if status is not None}
    failed = [
        f"{name} is {status}"
        for name, status in deployed.items()
        if decide(status, name).action != "update"
    ]
    remedy = "Deploy again; each error names its remedy."
    return all_of([*missing, *failed], f"{len(deployed)} stacks are complete", remedy)


def connection(status: str) -> Judgement:
    """Check the status of the connection to GitHub."""
    if status == "AVAILABLE":
        return Judgement(Status.HOLDS, "the connection is available")
    remedy = "Complete it in the console: Developer Tools, Settings, Connections."
    return Judgement(Status.DIFFERS, f"the connection is {status.lower()}", remedy)


def started_by(executions: Iterable[Mapping[str, Any]], trigger: str, remedy: str) -> Judgement:
    """Check whether an execution was started by a trigger, such as WebhookV2.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ExecutionTrigger.html
    """
    listed = list(executions)
    for execution in listed:
        if execution.get("trigger", {}).get("triggerType") == trigger:
            return Judgement(Status.HOLDS, f"{trigger} started {execution['pipelineExecutionId']}")
    found = f"{trigger} started none of the newest {len(listed)} executions"
    return Judgement(Status.UNKNOWN, found, remedy)


def stream(found: Mapping[str, Any], partition_key: str) -> Judgement:
    """Check the stream of the algorithms table, as DescribeStream returns it.

    Without old images, a change of an item that has been in its phase for long looks like a
    promotion, which would make an old version active again. With another partition key, the records
    of an algorithm may arrive in another order than they were made.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamDescription.html
    """
    view, status = found.get("StreamViewType"), found.get("StreamStatus")
    keys = [one["AttributeName"] for one in found["KeySchema"] if one["KeyType"] == "HASH"]
    faults = [] if status in {"ENABLED", "ENABLING"} else [f"its stream is {status}"]
    faults += [] if view == "NEW_AND_OLD_IMAGES" else [f"its stream contains {view}"]
    faults += [] if keys == [partition_key] else [f"its partition key is {keys[0]}"]
    remedy = f"Let the stream contain new and old images, and let {partition_key} be the key."
    return all_of(faults, "its stream has new and old images", remedy)


def items(table: str, sample: Iterable[Mapping[str, Any]], schema: Schema) -> Judgement:
    """Check a sample of the items of the algorithms table against the names in the parameters.

    With a wrong name of an attribute, or a phase that no item ever has, nothing is ever released.
    """
    listed = list(sample)
    faults: list[str] = []
    phases: Counter[str] = Counter()
    complete = 0
    for item in listed:
        keys = {name: item[name] for name in _keys(schema) if name in item}
        where = describe_item(table, keys)
        phases[text_or_none(item.get(schema.phase_attribute)) or "none"] += 1
        try:
            if schema.is_complete(item, where):
                complete += 1
                schema.read(item, where)
        except InputError as error:
            faults.append(f"{error.where}: {error.found}")
    shown = [*faults[:ITEMS_SHOWN], *([f"{len(faults)} in all"] if faults[ITEMS_SHOWN:] else [])]
    if shown:
        return Judgement(Status.DIFFERS, "; ".join(shown), "Correct the items, or the parameters.")
    if not complete:
        found = ", ".join(f"{phase} ({number})" for phase, number in phases.most_common(5))
        return Judgement(
            Status.UNKNOWN,
            f"none of {len(listed)} items has '{schema.phase_attribute}' {schema.phase};"
            f" found: {found or 'no item'}",
            "Check the parameters Phase and PhaseAttribute of the stack listener.",
        )
    return Judgement(Status.HOLDS, f"{complete} of {len(listed)} items are in the phase, and valid")


def _keys(schema: Schema) -> tuple[str, str]:
    return schema.algorithm_attribute, schema.version_attribute


def mappings(found: Iterable[Mapping[str, Any]]) -> Judgement:
    """Check the event source mappings of the listener."""
    listed = list(found)
    if not listed:
        return Judgement(Status.HOLDS, "there is none: this environment takes promotions only")
    faults = [
        f"its state is {one['State']}, and its last result is {one.get('LastProcessingResult')}"
        for one in listed
        if one["State"] != "Enabled" or "PROBLEM" in one.get("LastProcessingResult", "")
    ]
    return all_of(faults, "it is enabled", "See the alarms of the listener in docs/operations.md.")


def functions(configurations: Iterable[Mapping[str, Any]]) -> Judgement:
    """Check the state of each function."""
    listed = list(configurations)
    faults = [
        f"{one['FunctionName']} is {one.get('State')}, its update {one.get('LastUpdateStatus')}"
        for one in listed
        if (one.get("State"), one.get("LastUpdateStatus")) != ("Active", "Successful")
    ]
    return all_of(faults, f"{len(listed)} functions are active", "Deploy again.")


def documents_bucket(versioning: Mapping[str, Any], notifications: Mapping[str, Any]) -> Judgement:
    """Check the bucket of the documents: it keeps versions and sends events to EventBridge."""
    faults = [] if versioning.get("Status") == "Enabled" else ["it keeps no versions"]
    faults += [] if "EventBridgeConfiguration" in notifications else ["it sends no events"]
    return all_of(faults, "it keeps versions and sends events", "Deploy the stack site again.")


def secrets(descriptions: Mapping[str, Mapping[str, Any] | None]) -> Judgement:
    """Check secrets by their ARNs; None if a secret does not exist."""
    faults = [
        f"{arn} {'does not exist' if one is None else 'is scheduled for deletion'}"
        for arn, one in descriptions.items()
        if one is None or "DeletedDate" in one
    ]
    remedy = "Create or restore it, and deploy with its ARN."
    return all_of(faults, f"{len(descriptions)} secrets exist", remedy)


def alarms(found: Iterable[Mapping[str, Any]], expected: int) -> Judgement:
    """Check that the alarms exist and that none is on."""
    listed = list(found)
    faults = [] if len(listed) == expected else [f"{expected - len(listed)} alarms are missing"]
    faults += [f"{one['AlarmName']} is on" for one in listed if one["StateValue"] == "ALARM"]
    remedy = "docs/operations.md has a chapter for each alarm."
    return all_of(faults, f"{len(listed)} alarms exist, and none is on", remedy)


def permissions(decisions: Mapping[str, str]) -> Judgement:
    """Check the decisions of IAM's policy simulator by what was asked.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
    """
    faults = [f"{asked}: {one}" for asked, one in decisions.items() if one != "allowed"]
    remedy = "The name of the resource does not match the policy. Report it with this output."
    return all_of(faults, f"{len(decisions)} permissions match the names of resources", remedy)
