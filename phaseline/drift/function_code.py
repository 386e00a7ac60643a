"""Compares the code that functions run with the declared code, and redeploys it.

The key of a package in the code bucket contains two digests (deploy/code_key), so that the
comparison downloads nothing. That of the content is compared with what the checkout builds, and
that of the zip with CodeSha256.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from phaseline.aws.wait import poll
from phaseline.deploy import code_key
from phaseline.deploy.code_key import CodeKey
from phaseline.deploy.plan import FUNCTIONS, key_parameter, resource
from phaseline.errors import ConfigurationError, RefusedError, RemoteCallError, TimedOutError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef
    from mypy_boto3_s3 import S3Client

POLLS = (0.2, 0.5, 1.0, 2.0, 3.0)


class _Version(TypedDict, total=False):
    S3ObjectVersion: str


@dataclass(frozen=True)
class FunctionCode:
    """The code of a function.

    `checkout` is the digest of the content that this checkout builds, `declared` the package that
    the stack declares, and `runs` the CodeSha256 of the code that the function runs, or None if the
    function does not exist.
    """

    function: str
    checkout: str
    declared: CodeKey
    runs: str | None

    @property
    def outdated(self) -> bool:
        """Whether the stack declares other code than this checkout builds."""
        return self.declared.content != self.checkout

    @property
    def changed(self) -> bool:
        """Whether the function runs other code than its stack declares."""
        return self.runs not in {None, self.declared.code_sha256}


@dataclass(frozen=True)
class DeclaredFunction:
    """A function that a stack declares: its name in Lambda, and the place of its package in S3."""

    function: str
    name: str
    bucket: str
    key: str

    @property
    def code(self) -> CodeKey:
        """The digests in the key. Raises ConfigurationError if no deploy made the key."""
        parsed = code_key.parse(self.key)
        if parsed is None:
            raise ConfigurationError(
                f"function {self.name}",
                f"its stack takes its code from {self.key}, which contains no digest",
                "Deploy: phaseline deploy.",
            )
        return parsed


def compare(client: "LambdaClient", declared: DeclaredFunction, checkout: str) -> FunctionCode:
    """Return the code that the function runs, its stack declares and the checkout builds.

    Calls GetFunction, which allows 100 requests per second; GetFunctionConfiguration allows 15.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    try:
        runs = client.get_function(FunctionName=declared.name)["Configuration"]["CodeSha256"]
    except client.exceptions.ResourceNotFoundException:
        runs = None
    return FunctionCode(declared.function, checkout, declared.code, runs)


@dataclass(frozen=True)
class Redeployment:
    """Updates a function to the code that its stack declares, without a deploy of the stack.

    `limit` bounds the wait for Lambda, in seconds by `clock`. `polls` are the pauses between two
    attempts; the last pause repeats.
    """

    client: "LambdaClient"
    s3: "S3Client"
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limit: float = 120.0
    polls: Sequence[float] = POLLS

    def run(self, declared: DeclaredFunction) -> bool:
        """Update the function, and return True; return False if it runs the declared code already.

        The package is read first, so that only a package with the declared digest is installed.
        The update names the revision of the function that was read, so that it never undoes a
        deploy. Raises RefusedError if somebody else changes the function at the same time,
        ConfigurationError if the package is missing or has another digest, RemoteCallError if
        Lambda cannot use the code, and TimedOutError.
        """
        function = self._settled(declared)
        if function["CodeSha256"] == declared.code.code_sha256:
            return False
        version = self._verified(declared)
        # Lambda refuses the update if somebody else changed the function, or if an earlier attempt
        # succeeded and its answer was lost. The code that the function runs next tells which.
        with suppress(
            self.client.exceptions.PreconditionFailedException,
            self.client.exceptions.ResourceConflictException,
        ):
            self.client.update_function_code(
                FunctionName=declared.name,
                S3Bucket=declared.bucket,
                S3Key=declared.key,
                RevisionId=function["RevisionId"],
                **version,
            )
        updated = self._settled(declared)
        if updated.get("LastUpdateStatus") == "Failed":
            raise RemoteCallError(
                f"function {declared.name}",
                f"Lambda can't use {declared.key}: {updated.get('LastUpdateStatusReason')}",
                "Deploy: phaseline deploy.",
            )
        if updated["CodeSha256"] != declared.code.code_sha256:
            raise RefusedError(
                f"function {declared.name}",
                "somebody else changes its code at the same time",
                "Run this again after the other change.",
            )
        return True

    def _settled(self, declared: DeclaredFunction) -> "FunctionConfigurationTypeDef":
        """Wait until no update of the function is in progress, and return its configuration."""

        def updated() -> "FunctionConfigurationTypeDef | None":
            function = self.client.get_function(FunctionName=declared.name)["Configuration"]
            return None if function.get("LastUpdateStatus") == "InProgress" else function

        settled = poll(
            updated, clock=self.clock, sleep=self.sleep, limit=self.limit, pauses=self.polls
        )
        if settled is not None:
            return settled
        raise TimedOutError(
            f"function {declared.name}",
            f"its update did not end within {self.limit:.0f} seconds",
            "Lambda continues on its own. Run this again.",
        )

    def _verified(self, declared: DeclaredFunction) -> "_Version":
        """Check the digest of the package; return the version of its S3 object as an argument."""
        where = f"s3://{declared.bucket}/{declared.key}"
        remedy = "Deploy: phaseline deploy, which uploads the package again."
        try:
            answer = self.s3.get_object(Bucket=declared.bucket, Key=declared.key)
        except self.s3.exceptions.NoSuchKey as error:
            raise ConfigurationError(where, "it does not exist", remedy) from error
        digest = base64.b64encode(hashlib.sha256(answer["Body"].read()).digest()).decode()
        if digest != declared.code.code_sha256:
            raise ConfigurationError(where, f"its digest is {digest}", remedy)
        version = answer.get("VersionId")
        return {"S3ObjectVersion": version} if version else {}


def declared_in(
    outputs: Mapping[str, str], parameters: Mapping[str, str]
) -> Iterator[DeclaredFunction]:
    """Yield the functions that a stack declares, from its outputs and parameters. A function whose
    condition is false has no output."""
    for function in FUNCTIONS:
        name = outputs.get(f"{resource(function)}FunctionName")
        if name is not None:
            key = parameters.get(key_parameter(function), "")
            yield DeclaredFunction(function, name, parameters.get("CodeBucket", ""), key)
