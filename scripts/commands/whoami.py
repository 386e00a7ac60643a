"""Explains why a job cannot assume a role: compares the job's claims with the expected ones.

The expected claims come from the role's trust policy or, if this cannot be read, from the role's
name; --expect adds more. Prints each claim with its expected and its actual value, and never the
token. Runs in a job of GitHub Actions. Exits with 3 if a claim differs.
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
from phaseline.github.markdown import escape
from phaseline.github.trust import ExpectedClaim, Row
from scripts.cli import aws, secrets
from scripts.cli.console import Console, json_option
from scripts.cli.options import ROLE_ARN, Assignment
from scripts.github import job

URL, TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
TIMEOUT = 10.0
ROLE_NAME = "the role's name"
"""The source of claims if the trust policy cannot be read. It does not name the repository."""


@click.command(name="whoami", help=__doc__)
@click.option("--role-arn", type=ROLE_ARN, required=True, help="ARN of the role to assume.")
@click.option(
    "--expect",
    "expected",
    type=Assignment(),
    metavar="claim=value",
    multiple=True,
    help="Claim that the role expects; * and ? are wildcards. May be repeated.",
)
@json_option
def command(role_arn: str, expected: tuple[tuple[str, str], ...], as_json: bool) -> None:
    console = Console(as_json=as_json, total=2)
    with console.step("Request the job's identity from GitHub"):
        claims = claims_of(request_token(os.environ))
    if not role_arn:
        raise ConfigurationError(
            "the role to assume", "its ARN is empty", trust.without_role(claims)
        )
    if not any(map(os.environ.get, REGIONS)):
        raise ConfigurationError(
            "the Region", f"{REGIONS[0]} is not set", trust.without_variable(REGIONS[0])
        )
    with console.step("Read the claims that the role expects"):
        expected_claims, source = expected_by(role_arn, claims)
        console.progress(f"  from {source}")
    expected_claims = [
        *expected_claims,
        *(ExpectedClaim(claim, (value,)) for claim, value in expected),
    ]
    rows = trust.compare_claims(expected_claims, claims)
    hints = list(trust.hints(rows))
    if all(row.matches for row in rows):
        hints = [general_hint(source)]
    data = {"role_arn": role_arn, "source": source, "claims": [asdict(row) for row in rows]}
    console.result(data | {"hints": hints}, as_lines(role_arn, source, rows, hints))
    job.write_summary(os.environ, as_markdown(role_arn, rows, hints))
    if differing := ", ".join(row.claim for row in rows if not row.matches):
        raise ConfigurationError(
            role_arn,
            f"the job's identity differs in {differing}",
            " ".join(hints) or "Compare the claims above.",
        )


def request_token(environ: Mapping[str, str]) -> str:
    """Request the job's identity token for AWS from GitHub.

    Raises ConfigurationError if the job lacks the permission, and RemoteCallError if GitHub returns
    no token.
    """
    if not (environ.get(URL) and environ.get(TOKEN)):
        raise ConfigurationError(
            "the job's identity",
            f"{URL} is not set",
            "Give the job `permissions: id-token: write`. A pull request of a fork cannot have it.",
        )
    secrets.check(environ)
    where = "GitHub's identity provider"
    separator = "&" if "?" in environ[URL] else "?"
    try:
        response = urllib3.request(
            "GET",
            f"{environ[URL]}{separator}audience={trust.AUDIENCE}",
            headers={"Authorization": f"Bearer {environ[TOKEN]}"},
            timeout=TIMEOUT,
            redirect=False,
        )
        value = response.json()["value"] if response.status == 200 else None
    except urllib3.exceptions.HTTPError as error:
        # The text of the error contains the URL, which is secret to the job.
        raise RemoteCallError(where, type(error).__name__, "Run the job again.") from None
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, str):
        raise RemoteCallError(
            where, f"it answers {response.status} without a token", "Run the job again."
        )
    return value


def claims_of(encoded: str) -> dict[str, str]:
    """Return the claims of a token that may be shown. Only AWS verifies its signature."""
    try:
        payload = encoded.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {name: str(claims[name]) for name in trust.SHOWN if claims.get(name) is not None}
    except (AttributeError, IndexError, ValueError):
        raise RemoteCallError(
            "GitHub's identity provider", "its answer is not a JSON Web Token", "Run the job again."
        ) from None


def expected_by(role_arn: str, claims: Mapping[str, str]) -> tuple[list[ExpectedClaim], str]:
    """Return the claims that a role expects, and their source."""
    try:
        role = aws.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
    except (ConfigurationError, ClientError, BotoCoreError):
        # Usually the job has no permissions yet, which is why the command runs.
        return trust.by_name(role_arn, claims), ROLE_NAME
    return trust.by_policy(role["AssumeRolePolicyDocument"]), "its trust policy"


def general_hint(source: str) -> str:
    """Return what to check if no claim differs."""
    hint = "No known claim differs. Does the role exist? Does the account trust GitHub?"
    if source != ROLE_NAME:
        return hint
    return (
        f"{hint} The role's name does not tell which repository it trusts: compare the claims with"
        " Repository, OwnerId, RepositoryId, WorkflowRepository and WorkflowRef of its stack."
    )


def as_lines(
    role_arn: str, source: str, rows: Sequence[Row], hints: Sequence[str]
) -> Iterator[str]:
    """Return the lines for people: each claim, marked if it differs, and then the hints."""
    yield f"{role_arn}, claims expected by {source}:"
    for row in rows:
        yield f"  {'  ' if row.matches else 'x '}{row.claim}"
        if row.expected:
            yield f"      expected {' or '.join(row.expected)}"
        yield f"      found    {'nothing' if row.found is None else row.found}"
    yield from hints


def as_markdown(role_arn: str, rows: Sequence[Row], hints: Sequence[str]) -> str:
    """Return the same as Markdown for the job's summary."""
    lines = [f"### Claims for {escape(role_arn)}", ""]
    lines += ["| | Claim | Expected | Found |", "|-|-|-|-|"]
    for row in rows:
        expected = escape(" or ".join(row.expected))
        value = "nothing" if row.found is None else escape(row.found)
        sign = "" if row.matches else "\N{CROSS MARK}"
        lines.append(f"| {sign} | {escape(row.claim)} | {expected} | {value} |")
    return "\n".join([*lines, "", *(f"- {escape(hint)}" for hint in hints), ""])
