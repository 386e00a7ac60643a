"""The input and the result of an action."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.aws.codepipeline.state import ActionRun, Artifact, Execution
from local.aws.ministack.roles import Roles
from local.aws.ministack.scope import ACCOUNT, REGION

PRINCIPAL = "codepipeline.amazonaws.com"


class ActionFailedError(Exception):
    """The action failed. The code is one of CodePipeline's failure types."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Outcome:
    """The result of an action: its output variables and the details that people see."""

    variables: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    external_url: str | None = None
    summary: str | None = None


@dataclass(frozen=True)
class Context:
    """One run of an action, with the clients and artifacts that it uses."""

    execution: Execution
    run: ActionRun
    roles: Roles
    cancelled: Callable[[], bool]

    @property
    def role_arn(self) -> str:
        """The role of the action, or that of the pipeline."""
        return str(self.run.action.get("roleArn") or self.execution.declaration["roleArn"])

    @property
    def pipeline_arn(self) -> str:
        """The ARN of the pipeline."""
        return f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{self.execution.pipeline}"

    def client(self, service: str) -> Any:
        """Return a client with the permissions of the action's role."""
        return self.roles.client(self.role_arn, PRINCIPAL, service, source=self.pipeline_arn)

    def override(self, revision_type: str) -> str | None:
        """Return the source revision to which this execution pins the action, or None."""
        for entry in self.execution.overrides:
            if (entry["actionName"], entry["revisionType"]) == (
                self.run.action["name"],
                revision_type,
            ):
                return entry["revisionValue"]
        return None

    def store(self, data: bytes) -> None:
        """Store the one output artifact in the artifact bucket."""
        artifact = self.run.outputs[0]
        self.client("s3").put_object(Bucket=artifact.bucket, Key=artifact.key, Body=data)


Perform = Callable[[Context], Outcome]
"""Carries out an action."""


def place(execution: Execution, name: str) -> Artifact:
    """Return a new location in the artifact bucket, named as CodePipeline names it."""
    store = execution.declaration.get("artifactStore") or next(
        iter(execution.declaration["artifactStores"].values())
    )
    suffix = "".join(random.choices(string.ascii_letters + string.digits, k=7))  # noqa: S311 - a name, no secret
    return Artifact(name, store["location"], f"{execution.pipeline[:20]}/{name[:10]}/{suffix}")
