"""An account with the roles of the workflows and nothing else."""

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from local.waiting import PATIENCE
from tests.builders.roles import claims
from tests.emulator.conftest import ROOT, Emulator

ENVIRONMENT = "roles"


SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"


PARAMETERS = {
    "Repository": "acme/automation",
    "OwnerId": "4711",
    "RepositoryId": "815",
    "GithubTokenArn": SECRET,
    "SlackTokenArn": SECRET,
}


@dataclass
class Account:
    """The emulator with the stack of the roles, and GitHub's keys."""

    emulator: Emulator
    roles: dict[str, str] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    def run(self, rights: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
        """One of the commands, with these rights."""
        addresses = {"AWS_ENDPOINT_URL": self.emulator.url, "AWS_DEFAULT_REGION": "us-east-1"}
        return subprocess.run(
            [sys.executable, "-m", "scripts", *command, "--environment", ENVIRONMENT],
            cwd=ROOT,
            env={**os.environ, **rights, **addresses},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def token(self, said: dict[str, str]) -> str:
        """A token of GitHub's with these claims."""
        times = {"iat": 1_700_000_000, "exp": 4_000_000_000}
        return jwt.encode({**said, **times}, self.key, algorithm="RS256", headers={"kid": "key"})

    def tell_keys(self) -> None:
        """Let the emulator check such tokens, as AWS does by GitHub's published keys."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        told = {
            "issuer": "https://token.actions.githubusercontent.com",
            "keys": [{**public, "kid": "key", "alg": "RS256"}],
        }
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.emulator.url}/_phaseline/oidc",
            json.dumps(told).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310 - loopback

    def rights(self, role: str, **changes: str) -> dict[str, str]:
        """What a job with these claims gets: the credentials of the role, as variables."""
        said = claims(role, **changes)
        found: Any = self.emulator.client("sts").assume_role_with_web_identity(
            RoleArn=self.roles[role], RoleSessionName="job", WebIdentityToken=self.token(said)
        )
        credentials = found["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }
