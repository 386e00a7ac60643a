"""What starts a pipeline from outside: an EventBridge rule, or a push to a connected repository."""

import fnmatch
import json
from typing import Any

from local.emulator.roles import AccessDenied, Roles
from local.emulator.scope import log, spawn
from local.emulator.service import CodePipeline
from local.emulator.shapes import ServiceError, check
from local.emulator.state import Pipeline

_EVENTS = "events.amazonaws.com"


class Triggers:
    """Starts pipelines for events and pushes."""

    def __init__(self, service: CodePipeline, roles: Roles) -> None:
        self._service, self._roles = service, roles
        operation = service.protocol.service.operation_model("StartPipelineExecution")
        self._request = operation.input_shape

    def rule(self, target: dict[str, Any], rule: dict[str, Any], payload: str) -> None:
        """Start the pipeline that a rule's target names, on a thread of its own.

        The target's role needs codepipeline:StartPipelineExecution. An input transformer's output
        is the request of StartPipelineExecution without the name; an event passed on as it is
        starts the pipeline with the newest revisions.
        """
        spawn(f"rule-{rule.get('Name')}", self._start_for_rule, target, rule, payload)

    def _start_for_rule(self, target: dict[str, Any], rule: dict[str, Any], payload: str) -> None:
        arn, role = target["Arn"], target.get("RoleArn", "")
        name = arn.rsplit(":", 1)[-1]
        request: dict[str, Any] = {"name": name}
        try:
            if target.get("InputTransformer") or target.get("Input"):
                request |= json.loads(payload)
            check(request, self._request)
            self._roles.require(role, _EVENTS, "codepipeline:StartPipelineExecution", arn)
            trigger = {"triggerType": "CloudWatchEvent", "triggerDetail": rule.get("Arn", "")}
            self._service.start(name, trigger, request)
        except (AccessDenied, ServiceError, ValueError) as error:
            log.error("EventBridge could not start %s: %s; its input was %s", name, error, payload)

    def push(self, repository: str, branch: str, commit: str) -> list[str]:
        """Start every pipeline that watches the branch. Their execution ids."""
        started = []
        for pipeline in self._service.pipelines():
            for action in pipeline.declaration["stages"][0]["actions"]:
                if _watches(pipeline, action, repository, branch):
                    revision = {
                        "actionName": action["name"],
                        "revisionType": "COMMIT_ID",
                        "revisionValue": commit,
                    }
                    detail = json.dumps(
                        {"repository": repository, "branch": branch, "commit": commit}
                    )
                    trigger = {"triggerType": "WebhookV2", "triggerDetail": detail}
                    request = {"sourceRevisions": [revision]}
                    started.append(self._service.start(pipeline.name, trigger, request).id)
                    break
        return started


def _watches(pipeline: Pipeline, action: dict[str, Any], repository: str, branch: str) -> bool:
    configuration = action.get("configuration", {})
    if (
        action["actionTypeId"]["provider"] != "CodeStarSourceConnection"
        or configuration["FullRepositoryId"] != repository
        or configuration.get("DetectChanges", "true").lower() != "true"
    ):
        return False
    filters = [
        push
        for trigger in pipeline.declaration.get("triggers", [])
        if trigger["gitConfiguration"]["sourceActionName"] == action["name"]
        for push in trigger["gitConfiguration"].get("push", [])
    ]
    if not filters:
        return bool(configuration["BranchName"] == branch)
    return any(
        any(fnmatch.fnmatchcase(branch, glob) for glob in push["branches"].get("includes", ["*"]))
        and not any(fnmatch.fnmatchcase(branch, x) for x in push["branches"].get("excludes", []))
        for push in filters
        if "branches" in push
    )
