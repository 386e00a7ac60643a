"""Whether the functions run the code that was declared for them, and running it again.

A function's key in the code bucket says the digests of what is there (deploy/code_key), so that
nothing has to be fetched to compare: its content with what the checkout builds, whatever compressed
either, and its zip with CodeSha256.
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
class Code:
    """One function's code: the digest of the content that this `checkout` builds, the package that
    the stack `declared`, and the CodeSha256 of what `runs`; None where the function is not there.
    """

    function: str
    checkout: str
    declared: CodeKey
    runs: str | None

    @property
    def outdated(self) -> bool:
        """Whether the stack declares another code than this checkout builds."""
        return self.declared.content != self.checkout

    @property
    def changed(self) -> bool:
        """Whether somebody gave the function another code than its stack declares."""
        return self.runs not in {None, self.declared.code_sha256}


@dataclass(frozen=True)
class Declared:
    """What a stack declares for one function: its name on AWS, and where its code is."""

    function: str
    name: str
    bucket: str
    key: str

    @property
    def code(self) -> CodeKey:
        """The digests that the key says. Raises ConfigurationError for a key that deploy did not
        make."""
        parsed = code_key.parse(self.key)
        if parsed is None:
            raise ConfigurationError(
                f"function {self.name}",
                f"its stack takes its code from {self.key}, which says no digest",
                "Deploy: python -m scripts deploy.",
            )
        return parsed


def compare(client: "LambdaClient", declared: Declared, checkout: str) -> Code:
    """What the function runs, beside what is declared for it and what the checkout builds.

    By GetFunction: 100 of its calls a second are allowed, of those to GetFunctionConfiguration 15.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    try:
        runs = client.get_function(FunctionName=declared.name)["Configuration"]["CodeSha256"]
    except client.exceptions.ResourceNotFoundException:
        runs = None
    return Code(declared.function, checkout, declared.code, runs)


@dataclass(frozen=True)
class Redeployment:
    """Gives a function the code that its stack declares, in place.

    `limit` bounds the wait for Lambda, in seconds by `clock`; `polls` are the pauses between two
    looks, the last one for good.
    """

    client: "LambdaClient"
    s3: "S3Client"
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limit: float = 120.0
    polls: Sequence[float] = POLLS

    def run(self, declared: Declared) -> bool:
        """Whether the function had to be changed; False where it runs that code already.

        The object is read first, so that nothing is installed whose digest is not the declared
        one, and the update is bound to what was looked at, so that it never undoes a deploy. Raises
        RefusedError where somebody else is changing the function; ConfigurationError for an object
        that is missing or another; TimedOutError; RemoteCallError where Lambda can't use the code.
        """
        found = self._settled(declared)
        if found["CodeSha256"] == declared.code.code_sha256:
            return False
        version = self._verified(declared)
        # Refused where somebody else changes the function, or where this landed before and only
        # its answer was lost: what it runs afterwards tells which.
        with suppress(
            self.client.exceptions.PreconditionFailedException,
            self.client.exceptions.ResourceConflictException,
        ):
            self.client.update_function_code(
                FunctionName=declared.name,
                S3Bucket=declared.bucket,
                S3Key=declared.key,
                RevisionId=found["RevisionId"],
                **version,
            )
        updated = self._settled(declared)
        if updated.get("LastUpdateStatus") == "Failed":
            raise RemoteCallError(
                f"function {declared.name}",
                f"Lambda can't use {declared.key}: {updated.get('LastUpdateStatusReason')}",
                "Deploy: python -m scripts deploy.",
            )
        if updated["CodeSha256"] != declared.code.code_sha256:
            raise RefusedError(
                f"function {declared.name}",
                "somebody else changes its code at the same time",
                "Look again when that has ended.",
            )
        return True

    def _settled(self, declared: Declared) -> "FunctionConfigurationTypeDef":
        """The function's configuration, once no update of it is under way."""

        def look() -> "FunctionConfigurationTypeDef | None":
            found = self.client.get_function(FunctionName=declared.name)["Configuration"]
            return None if found.get("LastUpdateStatus") == "InProgress" else found

        settled = poll(
            look, clock=self.clock, sleep=self.sleep, limit=self.limit, pauses=self.polls
        )
        if settled is not None:
            return settled
        raise TimedOutError(
            f"function {declared.name}",
            f"its update did not end within {self.limit:.0f} seconds",
            "Lambda goes on by itself; look again.",
        )

    def _verified(self, declared: Declared) -> "_Version":
        """The version of the code's object, as an argument, after its digest was checked."""
        where = f"s3://{declared.bucket}/{declared.key}"
        remedy = "Deploy: python -m scripts deploy, which sends the package again."
        try:
            answer = self.s3.get_object(Bucket=declared.bucket, Key=declared.key)
        except self.s3.exceptions.NoSuchKey as error:
            raise ConfigurationError(where, "it does not exist", remedy) from error
        digest = base64.b64encode(hashlib.sha256(answer["Body"].read()).digest()).decode()
        if digest != declared.code.code_sha256:
            raise ConfigurationError(where, f"its digest is {digest}", remedy)
        version = answer.get("VersionId")
        return {"S3ObjectVersion": version} if version else {}


def declared_in(outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Iterator[Declared]:
    """What a stack declares for its functions, by its outputs and parameters. One that a condition
    leaves out has no output."""
    for function in FUNCTIONS:
        name = outputs.get(f"{resource(function)}FunctionName")
        if name is not None:
            key = parameters.get(key_parameter(function), "")
            yield Declared(function, name, parameters.get("CodeBucket", ""), key)
