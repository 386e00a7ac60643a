"""What a local system was doing when a test of it failed."""

from collections.abc import Iterator

from local.system import EMULATOR_LOG, System

LINES = 60
"""The last lines of the emulator's log that a report has."""


def describe(system: System) -> str:
    """Return the actions that are in progress, and the end of the emulator's log."""
    try:
        actions = list(_in_progress(system))
    except Exception as error:  # noqa: BLE001 - the report must not hide the failure that it explains
        actions = [f"the pipelines cannot be read: {error!r}"]
    log = system.folder / EMULATOR_LOG
    text = log.read_text("utf-8", errors="replace") if log.exists() else ""
    return "\n".join([*actions, f"--- {log}", *text.splitlines()[-LINES:]])


def _in_progress(system: System) -> Iterator[str]:
    codepipeline = system.client("codepipeline")
    for pipeline in codepipeline.list_pipelines()["pipelines"]:
        name = pipeline["name"]
        listed = codepipeline.list_pipeline_executions(pipelineName=name)
        for execution in listed["pipelineExecutionSummaries"]:
            if execution["status"] != "InProgress":
                continue
            id_ = execution["pipelineExecutionId"]
            yield f"{name} {id_} since {execution['startTime']}"
            actions = codepipeline.list_action_executions(
                pipelineName=name, filter={"pipelineExecutionId": id_}
            )["actionExecutionDetails"]
            for action in reversed(actions):
                times = f"{action['startTime']} to {action['lastUpdateTime']}"
                yield f"  {action['stageName']}.{action['actionName']} {action['status']} {times}"
