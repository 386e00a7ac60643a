"""Starts the pipelines that watch a branch when a commit is pushed to it."""

import fnmatch
import json
from typing import Any

from local.aws.codepipeline.service import CodePipeline
from local.aws.codepipeline.state import Pipeline


def started(service: CodePipeline, repository: str, branch: str, commit: str) -> list[str]:
    """Start the pipelines that watch the branch, with this commit. Return the execution IDs."""
    executions = []
    pushed = {"repository": repository, "branch": branch, "commit": commit}
    trigger = {"triggerType": "WebhookV2", "triggerDetail": json.dumps(pushed)}
    for pipeline in service.pipelines():
        watching = [
            {"actionName": a["name"], "revisionType": "COMMIT_ID", "revisionValue": commit}
            for a in pipeline.declaration["stages"][0]["actions"]
            if _watches(pipeline, a, repository, branch)
        ]
        if watching:
            request = {"sourceRevisions": watching}
            executions.append(service.start(pipeline.name, trigger, request).id)
    return executions


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
