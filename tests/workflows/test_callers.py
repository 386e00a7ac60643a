"""Others who use the repository's workflows: a fork's pull request, and another repository."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import automation
from local.github import repositories
from local.system import AUTOMATION, CREDENTIALS, ENVIRONMENT, ROOT, System, deployment
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
STACK = "phaseline-callers"
RELEASE = """\
name: Release our algorithm
on:
  workflow_dispatch:
    inputs:
      version: {{type: string, required: true}}
      role-arn: {{type: string, required: true}}
permissions: {{}}
jobs:
  release:
    permissions: {{contents: read, id-token: write}}
    uses: {repository}/.github/workflows/reusable-release.yml@{commit}
    with:
      environment: {environment}
      action: promote
      type: out
      algorithm: {algorithm}
      version: ${{{{ inputs.version }}}}
      reason: Asked for by its own repository
      aws-region: {region}
      role-arn: ${{{{ inputs.role-arn }}}}
  tell:
    needs: release
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {{}}
    steps:
      - env:
          OUTCOME: ${{{{ needs.release.outputs.outcome }}}}
          SITE: ${{{{ needs.release.outputs.site-url }}}}
        run: echo "$OUTCOME at $SITE" >> "$GITHUB_STEP_SUMMARY"
"""
DEPLOY = """\
name: Deploy our environment
on:
  workflow_dispatch:
permissions: {{}}
jobs:
  pipeline:
    permissions: {{contents: read, id-token: write}}
    uses: {repository}/.github/workflows/reusable-deploy-stack.yml@{commit}
    with:
      environment: {environment}
      stacks: pipeline
      aws-region: {region}
      role-arn: {deploy_role}
      cloudformation-role-arn: {cloudformation_role}
      parameters-file: environments/ours.json
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
    """The roles that trust the caller's repository, and the called files at their commit."""
    cloudformation = system.client("cloudformation")
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
        "WorkflowRepository": AUTOMATION,
        "WorkflowRef": commit(system),
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


def commit(system: System) -> str:
    """The commit of the workflows that the caller pins."""
    bare = repositories.location(system.folder / "git", AUTOMATION)
    return repositories.git("rev-parse", repositories.BRANCH, cwd=bare)


def called(
    system: System, file: str, inputs: Mapping[str, str], changes: Mapping[str, str]
) -> dict[str, Any]:
    """Push changes to the calling repository, then run one of its workflow files; the run."""
    if changes:
        automation.push(system, changes, f"Set {file}", repository=CALLER)
    number = automation.dispatch(system, file, repository=CALLER, **inputs)
    return automation.ended(system, file, after=number - 1, repository=CALLER)


def filled(system: System, text: str, **more: str) -> str:
    """A workflow of the caller's, with what it is to name."""
    return text.format(
        repository=AUTOMATION,
        commit=commit(system),
        environment=ENVIRONMENT,
        region=CREDENTIALS["AWS_REGION"],
        **more,
    )


def test_another_repository_releases_only_with_trust(
    system: System, algorithm: str, roles: dict[str, str]
) -> None:
    """It is refused under a role that does not trust it, and else proved, with the outputs told."""
    shown, wanted = versions(system, algorithm)
    workflow = {".github/workflows/release.yml": filled(system, RELEASE, algorithm=algorithm)}
    other = {"version": wanted, "role-arn": system.outputs["github"]["PromoteRoleArn"]}

    run = called(system, "release.yml", other, workflow)
    assert run["conclusion"] == "failure"
    assert "Not authorized" in run["annotations"][0]["message"]
    assert f"| repository |  | {CALLER} |" in run["summary"]
    assert "compare the claims with Repository" in run["summary"]
    assert versions(system, algorithm) == (shown, wanted)

    mine = {"version": wanted, "role-arn": roles["PromoteRoleArn"]}
    run = succeeded(called(system, "release.yml", mine, {}))
    settle(system)
    assert versions(system, algorithm) == (wanted, shown)
    assert f"done at {system.edge_url}" in run["summary"]
    assert deployments(system, run, CALLER) == [("success", system.edge_url)]
    assert deployments(system, run) == []
    newest = next(system.ledger.releases("out", algorithm))
    assert (newest.version, newest.reason) == (wanted, "Asked for by its own repository")


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
    text = filled(
        system,
        DEPLOY,
        deploy_role=roles["DeployRoleArn"],
        cloudformation_role=system.outputs["cloudformation"]["CloudFormationRoleArn"],
    )
    changes = {
        ".github/workflows/deploy.yml": text,
        "environments/ours.json": json.dumps(parameters),
    }
    before = retention(system)

    run = succeeded(called(system, "deploy.yml", {}, changes))
    assert "BuildLogs" in run["summary"]
    assert retention(system) == {30}

    number = automation.dispatch(system, "deploy.yml", environment=ENVIRONMENT)
    succeeded(automation.ended(system, "deploy.yml", after=number - 1))
    assert retention(system) == before != {30}
