"""Delivers EventBridge events to pipelines, which ministack lacks, and to functions.

ministack invokes a function once, and does not check whether the rule may. Here the function's
policy decides, and failed asynchronous invocations are retried. An event that cannot be delivered
goes to the dead-letter queue of the target, with the attributes that EventBridge adds.
"""

import json
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import eventbridge, lambda_svc

from local.aws.codepipeline.service import CodePipeline
from local.aws.ministack.roles import AccessDeniedError, Roles
from local.aws.ministack.scope import log, spawn
from local.aws.ministack.shapes import ServiceError, check

_PRINCIPAL = "events.amazonaws.com"


class Deliveries:
    """Delivers events to the targets of rules, each in a thread of its own."""

    def __init__(self, service: CodePipeline, roles: Roles) -> None:
        self._service, self._roles = service, roles
        operation = service.protocol.service.operation_model("StartPipelineExecution")
        self._request = operation.input_shape
        self._by_service = {"codepipeline": self._start_pipeline, "lambda": self._call_function}

    def accepts(self, target: dict[str, Any]) -> bool:
        """Return whether events for this target are delivered here."""
        return self._kind(target) in self._by_service

    def deliver(self, target: dict[str, Any], rule: dict[str, Any], view: Any) -> None:
        """Begin a delivery. The event is in ministack's form."""
        spawn(f"rule-{rule.get('Name')}", self._deliver, target, rule, view)

    def _deliver(self, target: dict[str, Any], rule: dict[str, Any], view: Any) -> None:
        event = view.event_with_detail()
        try:
            self._by_service[self._kind(target)](target, rule, _payload(target, rule, view))
        except AccessDeniedError as error:
            self._keep(target, rule, event, "NO_PERMISSIONS", str(error))
        except (ServiceError, ValueError) as error:
            self._keep(target, rule, event, "INVALID_PARAMETER", str(error))

    def _start_pipeline(self, target: dict[str, Any], rule: dict[str, Any], payload: str) -> None:
        """Start a pipeline, if the role of the target may.

        The output of an input transformer is the request of StartPipelineExecution without the
        name. Without a transformer, the newest revisions are used.
        """
        arn, role = target["Arn"], target.get("RoleArn", "")
        name = arn.rsplit(":", 1)[-1]
        given = json.loads(payload) if "InputTransformer" in target or "Input" in target else {}
        request = {"name": name, **given}
        check(request, self._request)
        action = "codepipeline:StartPipelineExecution"
        self._roles.require(role, _PRINCIPAL, action, arn, source=rule["Arn"])
        trigger = {"triggerType": "CloudWatchEvent", "triggerDetail": rule["Arn"]}
        self._service.start(name, trigger, request)

    def _call_function(self, target: dict[str, Any], rule: dict[str, Any], payload: str) -> None:
        arn = target["Arn"]
        function, configuration, _ = lambda_svc._get_func_record_for_ref(arn)
        if not function or not configuration:
            raise ServiceError("ResourceNotFoundException", f"Function {arn} does not exist")
        policy = self._function_policy(arn)
        action = "lambda:InvokeFunction"
        self._roles.require_by_policy(policy, _PRINCIPAL, action, arn, source=rule["Arn"])
        record = lambda_svc._execution_record_for_config(function, configuration)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    def _function_policy(self, arn: str) -> str:
        client = self._roles.administrator("lambda")
        try:
            return str(client.get_policy(FunctionName=arn)["Policy"])
        except client.exceptions.ResourceNotFoundException:
            return "{}"

    def _keep(
        self, target: dict[str, Any], rule: dict[str, Any], event: Any, code: str, message: str
    ) -> None:
        """Send an event that cannot be delivered to the dead-letter queue of its target, if it has
        one."""
        log.error("EventBridge could not deliver to %s: %s", target["Arn"], message)
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if not queue:
            return
        sqs = self._roles.administrator("sqs")
        attributes = {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message,
            "RULE_ARN": rule["Arn"],
            "TARGET_ARN": target["Arn"],
        }
        try:
            url = sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[-1])["QueueUrl"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            policy = found.get("Attributes", {}).get("Policy", "{}")
            self._roles.require_by_policy(
                policy, _PRINCIPAL, "sqs:SendMessage", queue, source=rule["Arn"]
            )
            sqs.send_message(
                QueueUrl=url,
                MessageBody=json.dumps(event),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
        except (AccessDeniedError, ClientError) as error:
            log.error("EventBridge could not keep the event in %s: %s", queue, error)

    def _kind(self, target: dict[str, Any]) -> str:
        parts = target.get("Arn", "").split(":")
        return str(parts[2]) if len(parts) > 2 else ""


def _payload(target: dict[str, Any], rule: dict[str, Any], view: Any) -> str:
    """Return the input of the target: the transformed event, a constant, a part, or the event."""
    if "InputTransformer" in target:
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if "Input" in target:
        return str(target["Input"])
    event = view.event_with_detail()
    for part in target.get("InputPath", "$").removeprefix("$").split("."):
        event = event[part] if part else event
    return json.dumps(event)
