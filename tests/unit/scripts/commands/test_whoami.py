"""The whoami command: the expected and actual claims of a job, and its secrets."""

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
def test_right_job_matches_all_claims(role: str) -> None:
    """By the trust policy, and by the role's name."""
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
def test_difference_is_named_with_its_usual_cause(
    changes: dict[str, str], wrong: list[str], words: str
) -> None:
    """IAM refuses the same claims."""
    found = claims("DeployRole", **changes)
    assert differing("DeployRole", found) == wrong
    assert not assumed("DeployRole", found)
    policy = template_of("DeployRole").properties("DeployRole")["AssumeRolePolicyDocument"]
    told = list(hints(compare_claims(by_policy(policy), found)))
    assert len(told) >= 1
    assert words in " ".join(told)


def test_old_trust_policy_is_named_as_the_cause() -> None:
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
def test_role_name_gives_environment_subject_and_workflow(
    role: str, changes: dict[str, str], wrong: list[str]
) -> None:
    """For a job that cannot read the trust policy."""
    found = claims(role, **changes)
    rows = compare_claims(by_name(ROLE.replace("DeployRole", role), found), found)
    assert [row.claim for row in rows if not row.matches] == wrong


def test_foreign_role_expects_only_the_audience() -> None:
    arn = "arn:aws:iam::111122223333:role/admin"
    assert by_name(arn, claims("DeployRole")) == [ExpectedClaim("aud", ("sts.amazonaws.com",))]


def test_missing_claim_is_shown_as_nothing() -> None:
    """It does not match."""
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


def test_token_is_requested_for_the_audience_of_aws(httpserver: HTTPServer) -> None:
    """With the job's own request token."""
    assert request_token(served(httpserver, {"value": "a.b.c"})) == "a.b.c"


def test_missing_permission_is_named() -> None:
    """The error also says that a fork cannot have it."""
    with pytest.raises(ConfigurationError, match="id-token: write"):
        request_token({})


@pytest.mark.parametrize(("answer", "status"), [({}, 200), ([], 200), ({"value": "x"}, 500)])
def test_answer_without_a_token_is_named_by_its_status(
    httpserver: HTTPServer, answer: Any, status: int
) -> None:
    """Its content is not shown."""
    with pytest.raises(RemoteCallError, match=f"it answers {status} without a token"):
        request_token(served(httpserver, answer, status))


def test_unreachable_url_is_not_shown() -> None:
    """It is secret to the job."""
    url = "http://127.0.0.1:9/secret-path"
    with pytest.raises(RemoteCallError) as caught:
        request_token(
            {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "REQUEST"}
        )
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "a.W10.c", f"a.{'A' * 9}.c"])
def test_malformed_token_is_not_shown(value: str) -> None:
    with pytest.raises(PhaselineError) as caught:
        claims_of(value)
    assert value == "" or value not in str(caught.value)


def test_only_known_claims_are_read() -> None:
    assert claims_of(jwt({"sub": "s", "jti": "j", "other": "o"})) == {"sub": "s"}


def run(httpserver: HTTPServer, found: dict[str, str], *more: str, **environ: str) -> Result:
    """The command, in a job with these claims."""
    environ |= served(httpserver, {"value": jwt(found)})
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    httpserver.expect_request("/aws").respond_with_data(denied, 403)
    environ["AWS_ENDPOINT_URL"] = httpserver.url_for("/aws")
    environ["AWS_MAX_ATTEMPTS"] = "1"
    return CliRunner().invoke(command, ["--role-arn", ROLE, *more], env=environ)


def test_difference_exits_with_3(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Output and summary show both values, and never the token."""
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
def test_missing_role_names_its_variable(httpserver: HTTPServer, file: str, variable: str) -> None:
    """The workflow file of the job does read the role from this variable."""
    reference = f"acme/automation/.github/workflows/{file}@{MAIN}"
    found = claims("DeployRole", job_workflow_ref=reference)
    result = run(httpserver, found, "--role-arn", "")
    assert isinstance(result.exception, ConfigurationError)
    assert "its ARN is empty" in str(result.exception)
    assert variable in str(result.exception)
    if (path := ROOT / ".github/workflows" / file).is_file():
        assert f"vars.{variable.partition(' ')[0]}" in path.read_text()


def test_missing_region_names_its_variable(httpserver: HTTPServer) -> None:
    """Without it, no role is read, and no claim differs."""
    result = run(httpserver, claims("DeployRole"), AWS_REGION="", AWS_DEFAULT_REGION="")
    assert isinstance(result.exception, ConfigurationError)
    assert "AWS_REGION is not set. Set the variable AWS_REGION" in str(result.exception)


def test_matching_claims_exit_with_0_and_a_hint(httpserver: HTTPServer, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    result = run(httpserver, claims("DeployRole"), GITHUB_STEP_SUMMARY=str(summary))
    assert result.exit_code == 0, result.exception
    for text in (result.output, summary.read_text()):
        assert "Does the role exist" in text
        assert "compare the claims with Repository" in text
    assert "from the role's name" in result.output


def test_trust_policy_takes_precedence_over_the_name() -> None:
    policy = template_of("DeployRole").properties("DeployRole")["AssumeRolePolicyDocument"]
    with mock_aws():
        boto3.client("iam").create_role(
            RoleName="deploys", AssumeRolePolicyDocument=json.dumps(policy)
        )
        wanted, source = expected_by("arn:aws:iam::111122223333:role/deploys", {})
    assert source == "its trust policy"
    names = {"aud", "sub", "repository_id", "ref", "job_workflow_ref"}
    assert {one.claim for one in wanted} == names


def test_given_claims_are_expected_with_wildcards(httpserver: HTTPServer) -> None:
    fits = run(httpserver, claims("DeployRole"), "--expect", "ref=refs/heads/*")
    assert fits.exit_code == 0
    differs = run(httpserver, claims("DeployRole"), "--expect", "actor=bob", "--json")
    assert isinstance(differs.exception, ConfigurationError)
    told = json.loads(differs.stdout)
    assert {"claim": "actor", "expected": ["bob"], "found": "ada", "matches": False} in told[
        "claims"
    ]


def test_table_has_each_known_claim_in_order() -> None:
    rows = compare_claims([], claims("DeployRole"))
    assert [row.claim for row in rows] == list(trust.SHOWN)
