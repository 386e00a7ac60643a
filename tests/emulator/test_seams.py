"""What the emulator holds on to inside ministack is still there in the pinned version."""

import json
import subprocess

from tests.emulator.conftest import PYTHON, ROOT

SEAMS = """
import inspect, json
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, router
from ministack.services import cloudfront, codebuild, eventbridge, iam, lambda_svc, s3, sts
from ministack.services.cloudformation import drift, provisioners

tables = [app.SERVICE_HANDLERS, router.SERVICE_PATTERNS, provisioners._RESOURCE_HANDLERS,
          iam_actions.SERVICE_TO_IAM_NAMESPACE, drift._DRIFT_READERS]
functions = [eventbridge._invoke_target, eventbridge._dispatch_event, eventbridge._put_events,
             eventbridge._pattern_event_view, eventbridge._apply_input_transformer,
             s3._fire_s3_event, codebuild._start_build, codebuild._make_build_record,
             iam_actions.extract_resource_arn, iam_actions.request_tag_context,
             iam_evaluator.enforce,
             iam_evaluator.evaluate_trust_policy, sts.register_session, lambda_runtime.reset,
             provisioners._physical_name, sts._web_identity_trust_denied,
             sts._web_identity_principal, iam._create_oidc_provider,
             iam._boundary_policy_error, eventbridge._rule_key, provisioners._eb_rule_bus_name,
             cloudfront._create_invalidation, cloudfront._dataplane_function_associations,
             cloudfront._parse_body, cloudfront._find, cloudfront._error,
             lambda_svc._execute_function, lambda_svc._poll_dynamodb_streams]
print(json.dumps({
    "tables": [type(table).__name__ for table in tables],
    "functions": {f.__name__: list(inspect.signature(f).parameters) for f in functions},
    "lacking": [name for name in ("codepipeline", "codeconnections") if name in tables[0]],
    "roles": hasattr(iam._roles, "get_scoped"),
    "providers": hasattr(iam._oidc_providers, "pop"),
    "sessions": hasattr(sts._sessions, "get"),
    "stores": all(hasattr(one, "get") for one in (eventbridge._rules, lambda_svc._esms)),
}))
"""


def test_ministack_has_the_seams_that_are_used() -> None:
    """Tables are dicts, functions take what we pass, and ministack has no CodePipeline itself."""
    done = subprocess.run(
        [PYTHON, "-c", SEAMS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["tables"] == ["dict"] * 5
    assert found["lacking"] == []
    assert found["roles"]
    assert found["providers"]
    assert found["stores"]
    assert found["sessions"]
    functions = found["functions"]
    assert functions["_invoke_target"] == ["target", "event", "rule", "view"]
    assert functions["_dispatch_event"] == ["event", "view"]
    assert functions["_put_events"] == ["data", "allow_aws_source"]
    assert functions["_start_build"] == ["data"]
    assert functions["_boundary_policy_error"] == ["arn"]
    assert functions["enforce"] == [
        "access_key_id",
        "iam_action",
        "service",
        "region",
        "resource_arn",
        "service_context",
    ]
    assert functions["extract_resource_arn"] == [
        "service",
        "method",
        "path",
        "headers",
        "body",
        "query_params",
        "region",
        "account_id",
    ]
    assert functions["request_tag_context"] == ["service", "iam_action", "body", "params"]
    assert "version_id" in functions["_fire_s3_event"]
    assert functions["_web_identity_trust_denied"] == ["role_arn", "params", "use_json"]
    assert functions["_web_identity_principal"] == ["token", "provider_id", "role_arn"]
    assert functions["_create_oidc_provider"] == ["p"]
    assert functions["_rule_key"] == ["rule_name", "bus_name"]
    assert functions["_eb_rule_bus_name"] == ["props"]
    assert functions["_create_invalidation"] == ["dist_id", "body"]
    assert functions["_dataplane_function_associations"] == ["behavior_el"]
    assert functions["_parse_body"] == ["body"]
    assert functions["_find"] == ["el", "tag"]
    assert functions["_execute_function"] == ["func", "event"]
    assert functions["_poll_dynamodb_streams"] == []
    assert functions["_error"] == ["code", "message", "status"]
