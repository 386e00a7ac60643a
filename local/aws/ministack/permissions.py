"""The IAM actions, resources and condition keys of requests that ministack does not name.

These are requests of CodePipeline, CodeConnections, CodeBuild and CloudWatch Logs.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodepipeline.html
"""

import json
from typing import Any

# The router's name of a service -> the prefix of its IAM actions.
NAMESPACES = {"codepipeline": "codepipeline", "codeconnections": "codeconnections"}

_OF_A_PIPELINE = ("name", "pipelineName")
_OF_A_STAGE = {"RetryStageExecution", "EnableStageTransition", "DisableStageTransition"}


def resource(service: str, operation: str, body: bytes, region: str, account: str) -> str | None:
    """Return the ARN that a policy must name for the request, or None if ministack provides it."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return None
    if service == "codepipeline":
        return _pipeline(operation, request, f"arn:aws:codepipeline:{region}:{account}:")
    if service == "codeconnections":
        return str(request.get("ConnectionArn", "*"))
    if service == "codebuild" and operation in {"BatchGetBuilds", "StopBuild"}:
        identifier = (request.get("ids") or [request.get("id", "")])[0].rsplit("build/", 1)[-1]
        return f"arn:aws:codebuild:{region}:{account}:project/{identifier.split(':')[0]}"
    if service == "logs" and operation in {"CreateLogStream", "GetLogEvents", "PutLogEvents"}:
        # AWS checks the stream, which a policy's "<group>:*" covers; ministack checks the group.
        stream = f"{request.get('logGroupName')}:log-stream:{request.get('logStreamName')}"
        return f"arn:aws:logs:{region}:{account}:log-group:{stream}"
    return None


def condition_keys(service: str, parameters: dict[str, Any], body: bytes) -> dict[str, str]:
    """Return the condition keys of a request to CloudFormation or CloudWatch.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    """
    if service == "monitoring":
        try:
            return {"cloudwatch:namespace": str(json.loads(body)["Namespace"])}
        except (ValueError, KeyError):
            return {}
    if service != "cloudformation":
        return {}
    named = {"RoleARN": "cloudformation:RoleArn", "ChangeSetName": "cloudformation:ChangeSetName"}
    return {key: _first(parameters[name]) for name, key in named.items() if name in parameters}


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _pipeline(operation: str, request: dict[str, Any], prefix: str) -> str:
    declared = request.get("pipeline")
    if isinstance(declared, dict) and "name" in declared:
        return f"{prefix}{declared['name']}"
    if "resourceArn" in request:
        return str(request["resourceArn"])
    for member in _OF_A_PIPELINE:
        if member in request:
            suffix = f"/{request.get('stageName', '')}" if operation in _OF_A_STAGE else ""
            return f"{prefix}{request[member]}{suffix}"
    return "*"
