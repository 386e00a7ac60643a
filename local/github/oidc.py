"""The issuer of OIDC tokens for jobs, with the claims of GitHub's tokens.

The tokens name GitHub's issuer, so that trust policies are the same as on AWS. The keys are
published here.
https://docs.github.com/en/actions/reference/security/oidc
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from local.github.hub import number_of
from local.workflows.files import Event

ISSUER = "https://token.actions.githubusercontent.com"
SECONDS = 300


@dataclass(frozen=True)
class Job:
    """A job that may ask for tokens.

    `job_workflow_ref` is the file that defines the job: the called one, for a reusable workflow.
    """

    event: Event
    run_id: int
    run_number: int
    workflow: str
    workflow_ref: str
    job_workflow_ref: str
    job_workflow_sha: str
    environment: str


def subject(job: Job) -> str:
    """Return the immutable subject, with the numbers of owner and repository.

    Its last part is the first of these that applies: environment, pull request, ref.
    """
    owner, name = job.event.repository.split("/")
    numbered = f"{owner}@{number_of(owner)}/{name}@{number_of(job.event.repository)}"
    if job.environment:
        return f"repo:{numbered}:environment:{job.environment.replace(':', '%3A')}"
    if job.event.name == "pull_request":
        return f"repo:{numbered}:pull_request"
    return f"repo:{numbered}:ref:{job.event.ref}"


def claims(job: Job, audience: str, *, at: float) -> dict[str, Any]:
    """Return the claims of a job's token, at a time in seconds since the epoch."""
    event, begun = job.event, int(at)
    owner = event.repository.split("/")[0]
    pull = event.payload.get("pull_request", {})
    said = {
        "jti": str(uuid.uuid4()),
        "sub": subject(job),
        "aud": audience or f"https://github.com/{owner}",
        "iss": ISSUER,
        "iat": begun,
        "nbf": begun - SECONDS,
        "exp": begun + SECONDS,
        "ref": event.ref,
        "ref_type": "tag" if event.ref.startswith("refs/tags/") else "branch",
        "ref_protected": "false",
        "sha": event.sha,
        "repository": event.repository,
        "repository_id": str(number_of(event.repository)),
        "repository_owner": owner,
        "repository_owner_id": str(number_of(owner)),
        "repository_visibility": "public",
        "actor": event.actor,
        "actor_id": str(number_of(event.actor)),
        "event_name": event.name,
        "run_id": str(job.run_id),
        "run_number": str(job.run_number),
        "run_attempt": "1",
        "runner_environment": "github-hosted",
        "workflow": job.workflow,
        "workflow_ref": job.workflow_ref,
        "workflow_sha": event.sha,
        "job_workflow_ref": job.job_workflow_ref,
        "job_workflow_sha": job.job_workflow_sha,
        "head_ref": pull.get("head", {}).get("ref", ""),
        "base_ref": pull.get("base", {}).get("ref", ""),
    }
    return said | ({"environment": job.environment} if job.environment else {})


class Issuer:
    """Signs tokens with its own key. `clock` returns seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._id = uuid.uuid4().hex

    def token(self, job: Job, audience: str) -> str:
        """Return a token for the job, valid for five minutes."""
        said = claims(job, audience, at=self._clock())
        return jwt.encode(said, self._key, algorithm="RS256", headers={"kid": self._id})

    def keys(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._id, "alg": "RS256", "use": "sig"}]}

    @staticmethod
    def discovery(base: str) -> dict[str, Any]:
        """Return the discovery document of an issuer at the address `base`."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{base}/.well-known/jwks",
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
        }
