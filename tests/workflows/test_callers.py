"""Others who use the repository's workflows: a fork's pull request, and another repository."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import automation
from local.github import repositories
from local.system import AUTOMATION, CREDENTIALS, ENVIRONMENT, ROOT, System, deployment
from tests.contract.workflow_rules import read
from tests.contract.workflow_tables import head
from tests.workflows.conftest import (
    QUICK,
    comments,
    deployments,
    propose,
    settle,
    succeeded,
    turn,
    versions,
)

FORK, CALLER = "mallory/automation", "acme/delivery"
HOLDER, TAG = "acme/phaseline", "v1.0.0"
"""The repository and the tag that the examples of callers name."""
STACK = "phaseline-callers"
EXAMPLES = {
    path.rpartition("/")[2]: head(file)[1] for path, file in read().items() if "/reusable-" in path
}
"""The example of a caller of each reusable workflow, as its file and docs/workflows.md have it."""
TELL = """\
  tell:
    needs: release
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {}
    steps:
      - env:
          OUTCOME: ${{ needs.release.outputs.outcome }}
          SITE: ${{ needs.release.outputs.site-url }}
        run: echo "$OUTCOME at $SITE" >> "$GITHUB_STEP_SUMMARY"
"""


def test_pull_request_of_a_fork_gets_no_role(system: System) -> None:
    """It is checked and gets no role: no preview, which the summary says, and `Required` is met."""
    automation.fork(system, FORK)
    last = automation.newest_run(system)
    number = propose(system, "topic", {"Makefile": QUICK}, source=FORK)

    run = succeeded(automation.ended(system, "pull-request.yml", after=last))
    assert {run["jobs"][name] for name in ("Lint", "Test", "Required")} == {"success"}
    assert "No preview: the pull request comes from a fork" in run["summary"]
    assert "Assumed arn:" not in Path(run["log"]).read_text()
    assert comments(system, number) == []
    turn(system, number, "closed")


@pytest.fixture(scope="module")
def roles(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The roles that trust the caller's repository, and the called files at their version."""
    cloudformation = system.client("cloudformation")
    repositories.copy(system.folder / "git", AUTOMATION, HOLDER)
    commit = automation.add_repository(system, HOLDER, ROOT)
    tag = {"ref": f"refs/tags/{TAG}", "sha": commit}
    automation.call(system, "POST", "/git/refs", tag, repository=HOLDER)
    folder = tmp_path_factory.mktemp("delivery")
    (folder / "README.md").write_text("An algorithm.\n", encoding="utf-8")
    automation.add_repository(system, CALLER, folder)
    caller = automation.call(system, "GET", "", repository=CALLER)
    given = {
        "Environment": ENVIRONMENT,
        "PipelineName": system.pipeline,
        "CloudFormationStack": f"phaseline-{ENVIRONMENT}-cloudformation",
        "Repository": CALLER,
        "OwnerId": str(caller["owner"]["id"]),
        "RepositoryId": str(caller["id"]),
        "WorkflowRepository": HOLDER,
        "WorkflowRef": f"refs/tags/{TAG}",
        "OidcProviderArn": system.outputs["github"]["OidcProviderArn"],
        "SlackTokenArn": deployment.parameters(system)["SlackTokenArn"],
    }
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=(ROOT / "infra/github-oidc.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    yield {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    cloudformation.delete_stack(StackName=STACK)


def called(system: System, example: str, **inputs: str) -> dict[str, Any]:
    """Run the workflow file of an example in the calling repository; the run."""
    number = automation.dispatch(
        system, example, repository=CALLER, environment=ENVIRONMENT, **inputs
    )
    return automation.ended(system, example, after=number - 1, repository=CALLER)


def paste(system: System, *examples: str, **more: str) -> None:
    """Push examples to the calling repository as they are, and other files by their paths."""
    changes: dict[str, str | None] = {
        f".github/workflows/{name}": EXAMPLES[name] for name in examples
    }
    automation.push(system, changes | more, "Add workflows", repository=CALLER)


def set_variables(system: System, **variables: str) -> None:
    """Set variables of the calling repository."""
    path = "/actions/variables"
    known = automation.call(system, "GET", path, repository=CALLER)["variables"]
    names = {one["name"] for one in known}
    for name, value in variables.items():
        body = {"name": name, "value": value}
        method, where = ("PATCH", f"{path}/{name}") if name in names else ("POST", path)
        automation.call(system, method, where, body, repository=CALLER)


def test_another_repository_releases_only_with_trust(
    system: System, algorithm: str, roles: dict[str, str]
) -> None:
    """It is refused under a role that does not trust it, and else proved, with the outputs told."""
    shown, wanted = versions(system, algorithm)
    example = "reusable-release.yml"
    paste(system, **{f".github/workflows/{example}": EXAMPLES[example] + TELL})
    set_variables(
        system,
        AWS_REGION=CREDENTIALS["AWS_REGION"],
        PROMOTE_ROLE_ARN=system.outputs["github"]["PromoteRoleArn"],
    )

    run = called(system, example, version=wanted)
    assert run["conclusion"] == "failure"
    assert "Not authorized" in run["annotations"][0]["message"]
    assert f"| repository |  | {CALLER} |" in run["summary"]
    assert "compare the claims with Repository" in run["summary"]
    assert versions(system, algorithm) == (shown, wanted)

    set_variables(system, PROMOTE_ROLE_ARN=roles["PromoteRoleArn"])
    run = succeeded(called(system, example, version=wanted))
    settle(system)
    assert versions(system, algorithm) == (wanted, shown)
    assert f"done at {system.edge_url}" in run["summary"]
    assert deployments(system, run, CALLER) == [("success", system.edge_url)]
    assert deployments(system, run) == []
    newest = next(system.ledger.releases("out", algorithm))
    assert (newest.version, newest.reason) == (wanted, "Its own repository released it")


def retention(system: System) -> set[int]:
    """How many days the logs of builds are kept."""
    groups = system.client("logs").describe_log_groups()["logGroups"]
    return {one["retentionInDays"] for one in groups if "BuildLogs" in one["logGroupName"]}


def test_another_repository_deploys_with_its_parameters(
    system: System, roles: dict[str, str]
) -> None:
    """A stack is deployed with the caller's parameters file, and with this repository's again."""
    parameters = json.loads(automation.read(system, automation.PARAMETERS))
    parameters.setdefault("pipeline", {})["LogRetentionDays"] = "30"
    examples = ("reusable-deploy-stack.yml", "reusable-deploy-lambdas.yml")
    paste(system, *examples, **{f"phaseline/{ENVIRONMENT}.json": json.dumps(parameters)})
    set_variables(
        system,
        AWS_REGION=CREDENTIALS["AWS_REGION"],
        DEPLOY_ROLE_ARN=roles["DeployRoleArn"],
        CLOUDFORMATION_ROLE_ARN=system.outputs["cloudformation"]["CloudFormationRoleArn"],
    )
    before = retention(system)

    run = succeeded(called(system, examples[0]))
    assert "BuildLogs" in run["summary"]
    assert retention(system) == {30}
    succeeded(called(system, examples[1]))

    number = automation.dispatch(system, "deploy.yml", environment=ENVIRONMENT)
    succeeded(automation.ended(system, "deploy.yml", after=number - 1))
    assert retention(system) == before != {30}
