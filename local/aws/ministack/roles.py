"""Calls with the permissions of a role, as the service that assumes it makes them."""

import functools
import json
import secrets
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from ministack.core import iam_evaluator
from ministack.services import iam, sts

from local.aws.ministack.scope import ACCOUNT, REGION
from local.waiting import PATIENCE

_ADMINISTRATOR = boto3.session.Session("test", "test", region_name=REGION)


class AccessDeniedError(Exception):
    """The service cannot assume the role, or the role lacks a permission."""


class Roles:
    """Sessions of roles, and clients that use them at this endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], boto3.session.Session] = {}

    def client(self, role_arn: str, principal: str, service: str, *, source: str) -> Any:
        """Return a client with the credentials of the role.

        `source` is the ARN of the resource for which the service acts (aws:SourceArn). Raises
        AccessDeniedError.
        """
        self._check_trust(role_arn, principal, source)
        with self._lock:
            session = self._sessions.get((role_arn, principal))
            if session is None:
                session = self._sessions[role_arn, principal] = _session(role_arn, principal)
            return _client(session, service, self.endpoint)

    def environment(self, role_arn: str, principal: str, *, source: str) -> dict[str, str]:
        """Return the environment variables with the role's credentials and this endpoint."""
        credentials = self._credentials(role_arn, principal, source)
        return {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": str(credentials.token),
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def _credentials(self, role_arn: str, principal: str, source: str) -> Credentials:
        self.client(role_arn, principal, "sts", source=source)
        credentials = self._sessions[role_arn, principal].get_credentials()
        assert credentials is not None  # noqa: S101 - _session makes each with credentials
        return credentials

    def require(
        self, role_arn: str, principal: str, action: str, resource: str, *, source: str
    ) -> None:
        """Raise AccessDeniedError unless the role, assumed by the service, may perform the action.

        Use it for permissions that no implemented operation checks.
        """
        key = self._credentials(role_arn, principal, source).access_key
        if iam_evaluator.enforce(key, action, action.split(":")[0], REGION, resource) is not None:
            raise AccessDeniedError(
                f"{role_arn} is not authorized to perform {action} on {resource}"
            )

    def require_by_policy(
        self, policy: str, principal: str, action: str, resource: str, *, source: str
    ) -> None:
        """Raise AccessDeniedError unless a resource's policy allows the service the action."""
        context = _service_context(principal, action, resource, source)
        decision = iam_evaluator.evaluate_resource_policy(policy, context, principal).decision
        if decision != "Allow":
            raise AccessDeniedError(f"The policy of {resource} does not let {source} do {action}")

    def administrator(self, service: str) -> Any:
        """Return a client with all permissions."""
        with self._lock:
            return _client(_ADMINISTRATOR, service, self.endpoint)

    def _check_trust(self, role_arn: str, principal: str, source: str) -> None:
        role = iam._roles.get_scoped(ACCOUNT, None, role_arn.rsplit("/", 1)[-1])
        if role is None:
            raise AccessDeniedError(f"{role_arn} does not exist")
        document = role.get("AssumeRolePolicyDocument", "{}")
        parsed = json.loads(document) if isinstance(document, str) else document
        if not _trusts(parsed, principal, source):
            raise AccessDeniedError(f"{role_arn} does not trust {principal}")


def _trusts(document: dict[str, Any], principal: str, source: str) -> bool:
    """Return whether a trust policy lets the service assume the role from this account."""
    statements = document.get("Statement", [])
    named = [
        statement
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if principal in _as_list((statement.get("Principal") or {}).get("Service"))
    ]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    context = _service_context(root, "sts:AssumeRole", "*", source)
    only_named = {**document, "Statement": named}
    return bool(iam_evaluator.evaluate_trust_policy(only_named, root, context))


def _service_context(principal: str, action: str, resource: str, source: str) -> Any:
    """Return the condition keys of a call by an AWS service for a resource of this account."""
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="Service",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=True,
        service_context={"aws:sourceaccount": ACCOUNT, "aws:sourcearn": source},
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _session(role_arn: str, principal: str) -> boto3.session.Session:
    name = role_arn.rsplit("/", 1)[-1]
    caller = principal.split(".")[0]
    key, secret, token = (
        "ASIA" + secrets.token_hex(8).upper(),
        secrets.token_hex(20),
        secrets.token_hex(40),
    )
    session = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{caller}",
        "UserId": f"{name}:{caller}",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "AccountId": ACCOUNT,
        "PrincipalType": "AssumedRole",
    }
    sts.register_session(key, session)
    return boto3.session.Session(key, secret, token, region_name=REGION)


@functools.cache
def _client(session: boto3.session.Session, service: str, endpoint: str) -> Any:
    config = Config(
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
        retries={"mode": "standard", "max_attempts": 2},
        max_pool_connections=20,
        proxies={},
    )
    make: Any = session.client  # its types know the names of services only as literals
    return make(service, endpoint_url=endpoint, config=config)
