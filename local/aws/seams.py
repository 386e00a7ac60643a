"""Attaches the additions to ministack. Only this module depends on the internals of ministack.

ministack has no public way to add a service, so the module adds entries to its tables and wraps
fifteen of its functions. tests/emulator/test_seams.py fails if a new version changes one of them.
"""

import contextvars
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator, router
from ministack.services import cloudfront, codebuild, eventbridge, lambda_svc, s3, sts
from ministack.services.cloudformation import drift as detection
from ministack.services.cloudformation import provisioners

from local.aws import cloudformation
from local.aws.actions import performer
from local.aws.codebuild import projects as builds
from local.aws.codepipeline.engine import Engine
from local.aws.codepipeline.jobs import Jobs
from local.aws.codepipeline.service import CodePipeline
from local.aws.codepipeline.state import Store
from local.aws.deliveries import Deliveries
from local.aws.ministack import cdn, drift, permissions, streams, usage, web_identity
from local.aws.ministack.connections import Connections
from local.aws.ministack.roles import Roles
from local.aws.ministack.web_identity import WebIdentity

_PATTERNS = {
    "codepipeline": {
        "target_prefixes": ["CodePipeline_20150709"],
        "host_patterns": [r"codepipeline\."],
        "credential_scope": "codepipeline",
    },
    "codeconnections": {
        "target_prefixes": [
            "com.amazonaws.codeconnections.CodeConnections_20231201",
            "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
        ],
        "host_patterns": [r"codeconnections\.", r"codestar-connections\."],
        "credential_scope": "codeconnections",
    },
}
_object_version: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "version", default=None
)


def attach(
    endpoint: str, git_root: Path, used: Path
) -> tuple[CodePipeline, WebIdentity, Connections]:
    """Attach all additions, once per process.

    `used` is the file that records the actions of roles.
    """
    store, jobs, roles, connections = Store(), Jobs(), Roles(endpoint), Connections()
    engine = Engine(store, roles, performer(connections, jobs, git_root))
    service = CodePipeline(store, engine, jobs, roles)
    ministack.SERVICE_HANDLERS |= {
        "codepipeline": service.handle,
        "codeconnections": connections.handle,
    }
    router.SERVICE_PATTERNS |= _PATTERNS
    provisioners._RESOURCE_HANDLERS |= cloudformation.handlers(service, connections)
    detection._DRIFT_READERS |= drift.READERS
    provisioners._physical_name = cloudformation.naming(provisioners._physical_name)
    group = provisioners._RESOURCE_HANDLERS["AWS::Logs::LogGroup"]
    group["create"] = cloudformation.log_group(group["create"], 1)
    group["update"] = cloudformation.log_group(group["update"], 2)
    role = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    role["create"] = cloudformation.bounded(role["create"], 1)
    role["update"] = cloudformation.bounded(role["update"], 2)
    project = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]
    for step in ("create", "update"):
        project[step] = builds.keeping_log_group(project[step])
    iam_evaluator.enforce = usage.recording(iam_evaluator.enforce, used)
    iam_actions.SERVICE_TO_IAM_NAMESPACE |= permissions.NAMESPACES
    iam_actions.extract_resource_arn = _resource_arn(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = _request_keys(iam_actions.request_tag_context)
    cloudfront._create_invalidation = cdn.refusing_paths(
        cloudfront._create_invalidation, cloudfront
    )
    cloudfront._dataplane_function_associations = cdn.no_functions
    codebuild._start_build = builds.start_build
    eventbridge._invoke_target = _invoke_target(
        eventbridge._invoke_target, Deliveries(service, roles)
    )
    s3._fire_s3_event = _remembering_version(s3._fire_s3_event)
    eventbridge._dispatch_event = _with_version(eventbridge._dispatch_event)
    ministack.pin_request_origin = _always_secure(ministack.pin_request_origin)
    lambda_svc._execute_function = streams.delivering(lambda_svc._execute_function)
    lambda_svc._poll_dynamodb_streams = streams.polling(lambda_svc._poll_dynamodb_streams)
    identity = WebIdentity()
    sts._web_identity_trust_denied = identity.refusing(sts._web_identity_trust_denied)
    sts._web_identity_principal = web_identity.with_claims(sts._web_identity_principal)
    return service, identity, connections


def _resource_arn(original: Callable[..., str]) -> Callable[..., str]:
    """Return the ARN of resources that ministack calls "*", which no scoped policy would allow."""

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Any,
        region: str,
        account: str,
    ) -> str:
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        named = permissions.resource(service, operation, body, region, account)
        return named or original(service, method, path, headers, body, query, region, account)

    return extract


def _request_keys(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Add the condition keys that ministack lacks."""

    def keys(service: str, action: str, body: bytes, parameters: Any) -> dict[str, Any]:
        more = permissions.condition_keys(service, parameters, body)
        return {**original(service, action, body, parameters), **more}

    return keys


def _always_secure(original: Callable[..., None]) -> Callable[..., None]:
    """Treat loopback as TLS. Otherwise policies with aws:SecureTransport would refuse every
    request."""

    def pin(source_ip: str, _secure_transport: bool) -> None:
        original(source_ip, True)

    return pin


def _invoke_target(original: Callable[..., None], deliveries: Deliveries) -> Callable[..., None]:
    """Deliver events to pipelines, and to functions if their policies allow it."""

    def invoke(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        view = view or eventbridge._pattern_event_view(event)
        if deliveries.accepts(target):
            deliveries.deliver(target, rule, view)
        else:
            original(target, event, rule, view)

    return invoke


def _remembering_version(original: Callable[..., None]) -> Callable[..., None]:
    def fire(*arguments: Any, **named: Any) -> None:
        token = _object_version.set(named.get("version_id"))
        try:
            original(*arguments, **named)
        finally:
            _object_version.reset(token)

    return fire


def _with_version(original: Callable[..., None]) -> Callable[..., None]:
    """Add the version-id of the object to S3's events, which ministack omits.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """

    def dispatch(event: dict[str, Any], view: Any = None) -> None:
        version = _object_version.get()
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        original(event, view)

    return dispatch
