"""Shows who a job is to AWS: the claims of its identity beside those that a role asks for.

For the time before or after a role could not be assumed. What the role asks for is read from its
trust policy where that may be read, else known by its name; --expect adds to it. The token itself
is never shown. Exit code 3 where a claim differs.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import click
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from phaseline.errors import ConfigurationError, RemoteCallError
from phaseline.github import trust
from phaseline.github.trust import ExpectedClaim, Row
from scripts.cli import aws
from scripts.cli.console import Console, json_option
from scripts.cli.options import ROLE_ARN, Assignment
from scripts.github import job

URL, TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
TIMEOUT = 10.0
NAME = "the role's name"
"""A source that does not tell which repository the role trusts."""


@click.command(name="whoami", help=__doc__)
@click.option("--role-arn", type=ROLE_ARN, required=True, help="The role to assume.")
@click.option(
    "--expect",
    "expected",
    type=Assignment(),
    metavar="claim=value",
    multiple=True,
    help="A claim that the role asks for, * and ? for anything. May be repeated.",
)
@json_option
def command(role_arn: str, expected: tuple[tuple[str, str], ...], as_json: bool) -> None:
    console = Console(as_json=as_json, total=2)
    with console.step("Ask GitHub who this job is"):
        claims = claims_of(token(os.environ))
    if not role_arn:
        raise ConfigurationError(
            "the role to assume", "its ARN is empty", trust.without_role(claims)
        )
    with console.step("Look up what the role asks for"):
        wanted, source = asked_by(role_arn, claims)
        console.progress(f"  from {source}")
    wanted = [*wanted, *(ExpectedClaim(claim, (value,)) for claim, value in expected)]
    rows = trust.compare_claims(wanted, claims)
    found = list(trust.hints(rows))
    if all(row.matches for row in rows):
        found = [unexplained(source)]
    data = {"role_arn": role_arn, "source": source, "claims": [asdict(row) for row in rows]}
    console.result(data | {"hints": found}, as_lines(role_arn, source, rows, found))
    job.write_summary(os.environ, as_markdown(role_arn, rows, found))
    if wrong := ", ".join(row.claim for row in rows if not row.matches):
        raise ConfigurationError(
            role_arn, f"the job's identity differs in {wrong}", " ".join(found) or "See above."
        )


def token(environ: Mapping[str, str]) -> str:
    """The job's identity token for AWS. Raises ConfigurationError where the job may not have
    one, RemoteCallError where GitHub does not give it."""
    if not (environ.get(URL) and environ.get(TOKEN)):
        raise ConfigurationError(
            "the job's identity",
            f"{URL} is not set",
            "The job needs `permissions: id-token: write`, which a fork's pull request never has.",
        )
    where = "GitHub's identity provider"
    separator = "&" if "?" in environ[URL] else "?"
    try:
        answer = urllib3.request(
            "GET",
            f"{environ[URL]}{separator}audience={trust.AUDIENCE}",
            headers={"Authorization": f"Bearer {environ[TOKEN]}"},
            timeout=TIMEOUT,
            redirect=False,
        )
        value = answer.json()["value"] if answer.status == 200 else None
    except urllib3.exceptions.HTTPError as error:
        # The error's own text would hold the address, which belongs to the job alone.
        raise RemoteCallError(where, type(error).__name__, "Run the job again.") from None
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, str):
        raise RemoteCallError(where, f"it answers {answer.status} without a token", "Run it again.")
    return value


def claims_of(encoded: str) -> dict[str, str]:
    """The claims in a token that may be shown. Its signature is AWS's to check."""
    try:
        payload = encoded.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {name: str(claims[name]) for name in trust.SHOWN if claims.get(name) is not None}
    except (AttributeError, IndexError, ValueError):
        raise RemoteCallError(
            "GitHub's identity provider", "its answer is no JSON Web Token", "Run it again."
        ) from None


def asked_by(role_arn: str, claims: Mapping[str, str]) -> tuple[list[ExpectedClaim], str]:
    """What the role asks for, and how that is known."""
    try:
        role = aws.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
    except (ConfigurationError, ClientError, BotoCoreError):
        # No rights yet, as a rule: that is why this runs.
        return trust.by_name(role_arn, claims), NAME
    return trust.by_policy(role["AssumeRolePolicyDocument"]), "its trust policy"


def unexplained(source: str) -> str:
    """What to look at where no claim differs."""
    asked = "Nothing that is known differs. Does the role exist? Does the account trust GitHub?"
    if source != NAME:
        return asked
    return (
        f"{asked} Its name does not say whom the role trusts: compare what is found with"
        " Repository, OwnerId, RepositoryId, WorkflowRepository and WorkflowRef of its stack."
    )


def as_lines(
    role_arn: str, source: str, rows: Sequence[Row], found: Sequence[str]
) -> Iterator[str]:
    """Claims, expected and found, with what differs marked; then what to do."""
    yield f"{role_arn}, asked for by {source}:"
    for row in rows:
        yield f"  {'  ' if row.matches else 'x '}{row.claim}"
        if row.expected:
            yield f"      expected {' or '.join(row.expected)}"
        yield f"      found    {'nothing' if row.found is None else row.found}"
    yield from found


def as_markdown(role_arn: str, rows: Sequence[Row], found: Sequence[str]) -> str:
    """The same for the job's summary."""
    lines = [f"### Who asked for {job.escape(role_arn)}", ""]
    lines += ["| | Claim | Expected | Found |", "|-|-|-|-|"]
    for row in rows:
        expected = job.escape(" or ".join(row.expected))
        value = "nothing" if row.found is None else job.escape(row.found)
        sign = "" if row.matches else "\N{CROSS MARK}"
        lines.append(f"| {sign} | {job.escape(row.claim)} | {expected} | {value} |")
    return "\n".join([*lines, "", *(f"- {job.escape(one)}" for one in found), ""])
