"""The CodeBuild action, and features of CodeBuild that ministack lacks."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import codebuild as service

from local.aws.codebuild.build import Build
from local.aws.codepipeline.context import ActionFailedError, Context, Outcome
from local.aws.ministack.scope import REGION


def start_build(data: dict[str, Any]) -> Any:
    """StartBuild. It accepts only builds that CodePipeline starts."""
    project = service._projects.get(data.get("projectName", ""))
    if project is None:
        return error_response_json("ResourceNotFoundException", "Project cannot be found", 400)
    if data.get("sourceTypeOverride") != "CODEPIPELINE":
        message = "Only builds that CodePipeline starts are emulated"
        return error_response_json("InvalidInputException", message, 400)
    record = service._make_build_record(project, service._build_id(project["name"]))
    del record["endTime"]
    record |= {
        "buildStatus": "IN_PROGRESS",
        "currentPhase": "SUBMITTED",
        "phases": [],
        "buildComplete": False,
        "serviceRole": project["serviceRole"],
    }
    group = project.get("logsConfig", {}).get("CloudWatchLogs", {}).get("GroupName")
    if group:
        record["logs"]["groupName"] = group
    overrides = {v["name"]: v for v in data.get("environmentVariablesOverride", [])}
    declared = {v["name"]: v for v in record["environment"].get("environmentVariables", [])}
    record["environment"] = {
        **record["environment"],
        "environmentVariables": list((declared | overrides).values()),
    }
    service._builds[record["id"]] = record
    return json_response({"build": record})


def keeping_log_group(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a step of the project's resource type so that it keeps LogsConfig.

    ministack drops this property. The properties are the second argument from the end.
    """

    def step(*arguments: Any) -> Any:
        name, attributes = original(*arguments)
        service._projects[name]["logsConfig"] = arguments[-2].get("LogsConfig", {})
        return name, attributes

    return step


def run(context: Context) -> Outcome:
    """Build the action's project from the input artifacts, and store the output artifacts."""
    configuration, client = context.run.configuration, context.client("codebuild")
    overrides = json.loads(configuration.get("EnvironmentVariables", "[]"))
    started = client.start_build(
        projectName=configuration["ProjectName"],
        sourceTypeOverride="CODEPIPELINE",
        environmentVariablesOverride=overrides,
    )["build"]["id"]
    record = service._builds[started]
    record["initiator"] = f"codepipeline/{context.execution.pipeline}"
    context.run.external_id = started
    context.run.external_url = (
        f"https://console.aws.amazon.com/codebuild/home?region={REGION}#/builds/{started}/view/new"
    )
    with tempfile.TemporaryDirectory(prefix="codebuild-") as directory:
        exported = Build(context, record, Path(directory)).run()
    finished = client.batch_get_builds(ids=[started])["builds"][0]
    if finished["buildStatus"] != "SUCCEEDED":
        failed = [p for p in finished["phases"] if p.get("phaseStatus") not in {None, "SUCCEEDED"}]
        raise ActionFailedError(
            "JobFailed",
            f"Build terminated with state: {finished['buildStatus']}{_place(failed)}",
        )
    return Outcome(exported, started, context.run.external_url)


def _place(failed: list[dict[str, Any]]) -> str:
    """Return the first failed phase and its reason, in the words of CodePipeline."""
    for phase in failed:
        for context in phase.get("contexts", []):
            code, message = context["statusCode"], context["message"]
            return f". Phase: {phase['phaseType']}, Code: {code}, Message: {message}"
    return ""
