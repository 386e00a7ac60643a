"""Calls made with a role's own permissions, as the service that assumes the role would make them."""

import functools
import json
import secrets
import threading
from typing import Any

import boto3
from botocore.config import Config
from ministack.core import iam_evaluator
from ministack.services import iam, sts

from local.emulator.scope import ACCOUNT, REGION


class AccessDenied(Exception):
    """The role can't be assumed by the service, or lacks a permission."""


class Roles:
    """Sessions of roles, and clients that use them against this very endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], boto3.session.Session] = {}

    def client(self, role_arn: str, principal: str, service: str) -> Any:
        """A client of the service with the role's credentials; raises AccessDenied."""
        self._check_trust(role_arn, principal)
        with self._lock:
            session = self._sessions.get((role_arn, principal))
            if session is None:
                session = self._sessions[role_arn, principal] = _session(role_arn, principal)
            return _client(session, service, self.endpoint)

    def environment(self, role_arn: str, principal: str) -> dict[str, str]:
        """The variables by which a program finds the role's credentials and this endpoint."""
        self.client(role_arn, principal, "sts")
        credentials = self._sessions[role_arn, principal].get_credentials()
        return {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.token,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def require(self, role_arn: str, principal: str, action: str, resource: str) -> None:
        """Raise AccessDenied unless the role, assumed by the service, may do the action.

        For permissions that no call of an implemented operation would prove.
        """
        self.client(role_arn, principal, "sts")
        key = self._sessions[role_arn, principal].get_credentials().access_key
        if iam_evaluator.enforce(key, action, action.split(":")[0], REGION, resource) is not None:
            raise AccessDenied(f"{role_arn} is not authorized to perform {action} on {resource}")

    def _check_trust(self, role_arn: str, principal: str) -> None:
        role = iam._roles.get_scoped(ACCOUNT, None, role_arn.rsplit("/", 1)[-1])
        if role is None:
            raise AccessDenied(f"{role_arn} does not exist")
        document = role.get("AssumeRolePolicyDocument", "{}")
        if not _trusts(json.loads(document) if isinstance(document, str) else document, principal):
            raise AccessDenied(f"{role_arn} does not trust {principal}")


def _trusts(document: dict[str, Any], principal: str) -> bool:
    """Whether a trust policy lets the service assume the role from this account."""
    statements = document.get("Statement", [])
    named = [
        statement
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if principal in _as_list((statement.get("Principal") or {}).get("Service"))
    ]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    context = iam_evaluator.EvalContext(
        principal_arn=root,
        principal_type="Service",
        principal_account=ACCOUNT,
        action="sts:AssumeRole",
        resource_arn="*",
        region=REGION,
        service_context={"aws:sourceaccount": ACCOUNT},
    )
    return iam_evaluator.evaluate_trust_policy({**document, "Statement": named}, root, context)


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
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 2},
        max_pool_connections=20,
        proxies={},
    )
    return session.client(service, endpoint_url=endpoint, config=config)
