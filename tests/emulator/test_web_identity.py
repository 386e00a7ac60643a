"""AssumeRoleWithWebIdentity: genuine tokens of the right job, and nothing else."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from local.github.oidc import ISSUER, Issuer, Job, claims, subject
from local.waiting import PATIENCE
from local.workflows.files import Event
from tests.emulator.conftest import Emulator
from tests.standins.conftest import call

HOST = ISSUER.removeprefix("https://")
PUSH = Event("push", "acme/automation", "refs/heads/main", "1" * 40)
REUSABLE = "acme/automation/.github/workflows/reusable-release.yml@refs/heads/main"


def job(event: Event = PUSH, *, environment: str = "demo", workflow: str = REUSABLE) -> Job:
    """A job of the workflow that the role trusts."""
    return Job(event, 1, 1, "Promote", "", workflow, "1" * 40, environment)


TEMPLATE = {
    "Resources": {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Properties": {"Url": ISSUER, "ClientIdList": ["sts.amazonaws.com"]},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "trusting",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Federated": {"Ref": "Provider"}},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {
                                f"{HOST}:aud": "sts.amazonaws.com",
                                f"{HOST}:sub": subject(job()),
                                f"{HOST}:job_workflow_ref": REUSABLE,
                            }
                        },
                    },
                },
            },
        },
    },
    "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
}


def trust(emulator: Emulator, keys: dict[str, Any]) -> None:
    """Tell the emulator an issuer's keys."""
    told = {"issuer": ISSUER, **keys}
    assert call(f"{emulator.url}/_phaseline/oidc", method="POST", body=told).status == 200


@pytest.fixture
def issuer(emulator: Emulator) -> Issuer:
    """An issuer whose keys the emulator knows."""
    made = Issuer()
    trust(emulator, made.keys())
    return made


@pytest.fixture(scope="module")
def role(emulator: Emulator) -> Iterator[str]:
    """The role that trusts one workflow in one environment, with its provider."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName="trust", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="trust", WaiterConfig={"Delay": 1, "MaxAttempts": int(PATIENCE)}
    )
    (stack,) = cloudformation.describe_stacks(StackName="trust")["Stacks"]
    yield stack["Outputs"][0]["OutputValue"]
    cloudformation.delete_stack(StackName="trust")


def assume(emulator: Emulator, role: str, token: str) -> dict[str, Any]:
    """Exchange a token for credentials, as a job does: without any of its own."""
    client: Any = boto3.client(
        "sts",
        endpoint_url=emulator.url,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    answer = client.assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="test", WebIdentityToken=token
    )
    found: dict[str, Any] = answer["Credentials"]
    return found


def test_trusted_job_gets_credentials(emulator: Emulator, role: str, issuer: Issuer) -> None:
    """A genuine token of the trusted job is exchanged for credentials of the role."""
    found = assume(emulator, role, issuer.token(job(), "sts.amazonaws.com"))

    client: Any = boto3.client(
        "sts",
        endpoint_url=emulator.url,
        region_name="us-east-1",
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )
    assert client.get_caller_identity()["Arn"].endswith(":assumed-role/trusting/test")


@pytest.mark.parametrize(
    "wrong",
    [
        job(environment="staging"),
        job(environment=""),
        job(workflow=REUSABLE.replace("main", "topic")),
        job(workflow="acme/other/.github/workflows/reusable-release.yml@refs/heads/main"),
        job(replace(PUSH, repository="acme/automation-2")),
        job(
            Event("pull_request", "acme/automation", "refs/pull/1/merge", "1" * 40), environment=""
        ),
    ],
)
def test_another_job_is_refused(emulator: Emulator, role: str, issuer: Issuer, wrong: Job) -> None:
    """Another environment, ref, workflow or repository does not satisfy the trust policy."""
    with pytest.raises(ClientError, match="Not authorized") as refusal:
        assume(emulator, role, issuer.token(wrong, "sts.amazonaws.com"))

    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_the_old_subject_is_refused(emulator: Emulator, role: str) -> None:
    """The subject without the numbers, which a renamed repository could take over, is refused."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    trust(emulator, {"keys": [{**public, "kid": "k"}]})
    said = claims(job(), "sts.amazonaws.com", at=time.time())
    genuine = jwt.encode(said, key, "RS256", headers={"kid": "k"})
    old = {**said, "sub": "repo:acme/automation:environment:demo"}

    assume(emulator, role, genuine)
    with pytest.raises(ClientError, match="Not authorized"):
        assume(emulator, role, jwt.encode(old, key, "RS256", headers={"kid": "k"}))


def test_forged_tokens_are_refused(emulator: Emulator, role: str, issuer: Issuer) -> None:
    """A signature by another key, and claims that were changed afterwards, prove nothing."""
    genuine = issuer.token(job(), "sts.amazonaws.com")
    other = Issuer()
    other._id = issuer._id
    head, _, signature = genuine.split(".")
    said = issuer.token(job(environment="staging"), "sts.amazonaws.com").split(".")[1]

    for token in (
        other.token(job(), "sts.amazonaws.com"),
        f"{head}.{said}.{signature}",
        "no-token",
    ):
        with pytest.raises(ClientError) as refusal:
            assume(emulator, role, token)
        assert refusal.value.response["Error"]["Code"] == "InvalidIdentityToken"


def test_wrong_audience_is_refused(emulator: Emulator, role: str, issuer: Issuer) -> None:
    """The provider takes tokens only for its own audiences."""
    with pytest.raises(ClientError, match="audience"):
        assume(emulator, role, issuer.token(job(), "someone.else"))


def test_expired_token_is_refused(emulator: Emulator, role: str) -> None:
    """A token is good for five minutes."""
    issuer = Issuer(clock=lambda: time.time() - 301)
    trust(emulator, issuer.keys())
    with pytest.raises(ClientError) as refusal:
        assume(emulator, role, issuer.token(job(), "sts.amazonaws.com"))

    assert refusal.value.response["Error"]["Code"] == "ExpiredTokenException"
