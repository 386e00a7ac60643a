"""whoami: what is expected of a job's identity, what is found, and what is never shown."""

import base64
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws
from pytest_httpserver import HTTPServer

from local.system import ROOT
from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError
from phaseline.github import trust
from phaseline.github.trust import ExpectedClaim, by_name, by_policy, compare_claims, hints
from scripts.commands.whoami import claims_of, command, expected_by, request_token
from tests.builders.roles import IMMUTABLE, MAIN, ROLES, assumed, claims, template_of

ROLE = "arn:aws:iam::111122223333:role/phaseline-production-github-DeployRole-AbCdEf123456"


def differing(role: str, found: dict[str, str]) -> list[str]:
    """The claims that differ from what a role's trust policy asks for."""
    policy = template_of(role).properties(role)["AssumeRolePolicyDocument"]
    return [row.claim for row in compare_claims(by_policy(policy), found) if not row.matches]


@pytest.mark.parametrize("role", ROLES)
def test_the_right_job_differs_in_nothing(role: str) -> None:
    """By the trust policy as by the role's name."""
    assert differing(role, claims(role)) == []
    arn = ROLE.replace("DeployRole", role)
    assert all(row.matches for row in compare_claims(by_name(arn, claims(role)), claims(role)))


@pytest.mark.parametrize(
    ("changes", "wrong", "words"),
    [
        ({"aud": "https://github.com/acme"}, ["aud"], "Ask for the audience sts.amazonaws.com"),
        (
            {"sub": "repo:acme/automation:environment:production"},
            ["sub"],
            "The token has the old subject",
        ),
        ({"sub": f"{IMMUTABLE}:ref:{MAIN}"}, ["sub"], "The job names no environment"),
        (
            {"sub": f"{IMMUTABLE}:pull_request", "event_name": "pull_request"},
            ["sub"],
            "A job of a pull request may assume only the preview role",
        ),
        (
            {"sub": f"{IMMUTABLE}:environment:staging"},
            ["sub"],
            "Compare the names of the environments",
        ),
        (
            {"repository_id": "816"},
            ["repository_id"],
            "A fork or a repository that was created again",
        ),
        (
            {"job_workflow_ref": f"acme/automation/.github/workflows/x.yml@{MAIN}"},
            ["job_workflow_ref"],
            "another workflow file",
        ),
    ],
)
def test_what_differs_is_named_with_its_usual_cause(
    changes: dict[str, str], wrong: list[str], words: str
) -> None:
    """And it is what IAM refuses."""
    found = claims("DeployRole", **changes)
    assert differing("DeployRole", found) == wrong
    assert not assumed("DeployRole", found)
    policy = template_of("DeployRole").properties("DeployRole")["AssumeRolePolicyDocument"]
    told = list(hints(compare_claims(by_policy(policy), found)))
    assert len(told) >= 1
    assert words in " ".join(told)


def test_an_old_trust_policy_is_told_as_that() -> None:
    """The token has the new subject by then."""
    wanted = [ExpectedClaim("sub", ("repo:acme/automation:environment:production",))]
    [told] = hints(compare_claims(wanted, claims("DeployRole")))
    assert "the role trusts the old one" in told


@pytest.mark.parametrize(
    ("role", "changes", "wrong"),
    [
        ("DeployRole", {"sub": f"{IMMUTABLE}:ref:{MAIN}"}, ["sub"]),
        ("DeployRole", {"sub": f"{IMMUTABLE}:environment:staging"}, ["sub"]),
        (
            "PromoteRole",
            {"job_workflow_ref": "a/b/.github/workflows/x.yml@y"},
            ["job_workflow_ref"],
        ),
        ("DriftRole", {"sub": f"{IMMUTABLE}:ref:{MAIN}"}, []),
        ("DriftRole", {"sub": f"{IMMUTABLE}:pull_request"}, ["sub"]),
        ("PreviewRole", {"sub": "repo:acme/automation:pull_request"}, ["sub"]),
    ],
)
def test_a_roles_name_says_what_it_is_for(
    role: str, changes: dict[str, str], wrong: list[str]
) -> None:
    """Where nothing may be read yet: environment, form of the subject, workflow."""
    found = claims(role, **changes)
    rows = compare_claims(by_name(ROLE.replace("DeployRole", role), found), found)
    assert [row.claim for row in rows if not row.matches] == wrong


def test_of_another_role_only_the_audience_is_known() -> None:
    """Its trust is not ours to guess."""
    arn = "arn:aws:iam::111122223333:role/admin"
    assert by_name(arn, claims("DeployRole")) == [ExpectedClaim("aud", ("sts.amazonaws.com",))]


def test_a_claim_that_the_token_lacks_is_shown_as_nothing() -> None:
    """It is no match."""
    [row] = [
        row for row in compare_claims([ExpectedClaim("enterprise_id", ("1",))], {}) if row.expected
    ]
    assert (row.found, row.matches) == (None, False)


# ---- The token --------------------------------------------------------------------------------


def jwt(values: Any) -> str:
    """A token with these claims and a signature that must not be seen."""
    payload = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    return f"header.{payload}.SIGNATURE"


def served(httpserver: HTTPServer, answer: Any, status: int = 200) -> dict[str, str]:
    """The variables of a job whose token is in this answer."""
    httpserver.expect_request(
        "/token",
        query_string={"api-version": "2.0", "audience": "sts.amazonaws.com"},
        headers={"Authorization": "Bearer REQUEST"},
    ).respond_with_json(answer, status)
    url = httpserver.url_for("/token?api-version=2.0")
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": url,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "REQUEST",
    }


def test_the_token_is_asked_for_as_the_job_may(httpserver: HTTPServer) -> None:
    """For AWS's audience, with the job's own request token."""
    assert request_token(served(httpserver, {"value": "a.b.c"})) == "a.b.c"


def test_a_job_without_the_permission_is_told_so() -> None:
    """And that a fork never has it."""
    with pytest.raises(ConfigurationError, match="id-token: write"):
        request_token({})


@pytest.mark.parametrize(("answer", "status"), [({}, 200), ([], 200), ({"value": "x"}, 500)])
def test_an_answer_without_a_token(httpserver: HTTPServer, answer: Any, status: int) -> None:
    """Is told by its status, never by its content."""
    with pytest.raises(RemoteCallError, match=f"it answers {status} without a token"):
        request_token(served(httpserver, answer, status))


def test_an_address_that_is_not_reached_is_not_shown() -> None:
    """It belongs to the job alone."""
    url = "http://127.0.0.1:9/secret-path"
    with pytest.raises(RemoteCallError) as caught:
        request_token(
            {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "REQUEST"}
        )
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "a.W10.c", f"a.{'A' * 9}.c"])
def test_what_is_no_token_is_not_shown(value: str) -> None:
    """As little as what is one."""
    with pytest.raises(PhaselineError) as caught:
        claims_of(value)
    assert value == "" or value not in str(caught.value)


def test_only_known_claims_are_read() -> None:
    """Whatever else a token holds."""
    assert claims_of(jwt({"sub": "s", "jti": "j", "other": "o"})) == {"sub": "s"}


def run(httpserver: HTTPServer, found: dict[str, str], *more: str, **environ: str) -> Result:
    """The command, in a job with these claims."""
    environ |= served(httpserver, {"value": jwt(found)})
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    httpserver.expect_request("/aws").respond_with_data(denied, 403)
    environ["AWS_ENDPOINT_URL"] = httpserver.url_for("/aws")
    environ["AWS_MAX_ATTEMPTS"] = "1"
    return CliRunner().invoke(command, ["--role-arn", ROLE, *more], env=environ)


def test_a_difference_is_exit_code_3(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Expected beside found, in the summary too; the token nowhere."""
    summary = tmp_path / "summary.md"
    subject = "repo:acme/automation:environment:production"
    found = claims("DeployRole", sub=subject)
    result = run(httpserver, found, GITHUB_STEP_SUMMARY=str(summary))
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.exit_code == 3
    assert f"  x sub\n      expected {IMMUTABLE}:environment:production" in result.output
    assert f"      found    {subject}" in result.output
    assert "the old subject" in result.output
    assert "acme/automation:environment" in summary.read_text()
    for text in (result.output, summary.read_text(), str(result.exception)):
        assert "SIGNATURE" not in text
        assert "REQUEST" not in text
        assert jwt(found).split(".")[1] not in text


@pytest.mark.parametrize(
    ("file", "variable"),
    [
        ("reusable-deploy-stack.yml", "DEPLOY_ROLE_ARN of the environment"),
        ("reusable-deploy-lambdas.yml", "DEPLOY_ROLE_ARN of the environment"),
        ("reusable-release.yml", "PROMOTE_ROLE_ARN of the environment"),
        ("drift.yml", "DRIFT_ROLE_ARNS of the repository"),
        ("pull-request.yml", "PREVIEW_ROLE_ARNS of the repository"),
        ("promote.yml", "PREVIEW_ROLE_ARNS of the repository"),
        ("x.yml", "docs/workflows.md"),
    ],
)
def test_without_a_role_the_variable_is_named(
    httpserver: HTTPServer, file: str, variable: str
) -> None:
    """By the workflow file that the job is in; the file does take the role from it."""
    reference = f"acme/automation/.github/workflows/{file}@{MAIN}"
    found = claims("DeployRole", job_workflow_ref=reference)
    result = run(httpserver, found, "--role-arn", "")
    assert isinstance(result.exception, ConfigurationError)
    assert "its ARN is empty" in str(result.exception)
    assert variable in str(result.exception)
    if (path := ROOT / ".github/workflows" / file).is_file():
        assert f"vars.{variable.partition(' ')[0]}" in path.read_text()


def test_nothing_differs(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Exit code 0, and what else to look at, in the summary too."""
    summary = tmp_path / "summary.md"
    result = run(httpserver, claims("DeployRole"), GITHUB_STEP_SUMMARY=str(summary))
    assert result.exit_code == 0, result.exception
    for text in (result.output, summary.read_text()):
        assert "Does the role exist" in text
        assert "compare the claims with Repository" in text
    assert "from the role's name" in result.output


def test_the_trust_policy_is_read_where_it_may_be() -> None:
    """It knows more than the name: the repository, and the workflow's version."""
    policy = template_of("DeployRole").properties("DeployRole")["AssumeRolePolicyDocument"]
    with mock_aws():
        boto3.client("iam").create_role(
            RoleName="deploys", AssumeRolePolicyDocument=json.dumps(policy)
        )
        wanted, source = expected_by("arn:aws:iam::111122223333:role/deploys", {})
    assert source == "its trust policy"
    assert {one.claim for one in wanted} == {"aud", "sub", "repository_id", "job_workflow_ref"}


def test_what_is_given_is_expected_too(httpserver: HTTPServer) -> None:
    """With * for anything."""
    fits = run(httpserver, claims("DeployRole"), "--expect", "ref=refs/heads/*")
    assert fits.exit_code == 0
    differs = run(httpserver, claims("DeployRole"), "--expect", "actor=bob", "--json")
    assert isinstance(differs.exception, ConfigurationError)
    told = json.loads(differs.stdout)
    assert {"claim": "actor", "expected": ["bob"], "found": "ada", "matches": False} in told[
        "claims"
    ]


def test_every_shown_claim_is_in_the_table() -> None:
    """In one order."""
    rows = compare_claims([], claims("DeployRole"))
    assert [row.claim for row in rows] == list(trust.SHOWN)
