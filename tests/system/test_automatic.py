"""Automatic rollback on the local system: what a promotion breaks is mended without anybody."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from local.demo.demo import BROKEN_BUILD
from local.system import ENVIRONMENT, System, deployment, frontend, start, table, website
from local.system.deployment import WITH_BOUNDARY
from phaseline.deploy.plan import STACKS
from phaseline.promotion.automatic_rollback import WHO
from phaseline.releases.release import Release
from tests.builders import usage
from tests.system.conftest import (
    COMPLETE,
    RUNNING,
    executions,
    logged,
    names,
    newest_executions,
    promote,
)
from tests.waiting import eventually


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, in which failures are rolled back."""
    with start.running(Path(tmp_path_factory.mktemp("careful")) / "state") as running:
        parameters = deployment.parameters(running) | {"RollBackOnFailure": "true"}
        deployment.run_deploy(running, "deploy.log", parameters, *WITH_BOUNDARY)
        deployment.follow_stacks(running)
        yield running


def settled(system: System) -> bool:
    """Whether no execution runs."""
    return all(one["status"] != "InProgress" for one in newest_executions(system))


def poison(system: System, algorithm: str, version: str) -> None:
    """Let a version pass its tests whose title is a number, which the frontend refuses."""
    table.write_algorithm(
        system, algorithm, version, type_="opt", phase=RUNNING, title=algorithm, summary=""
    )
    system.client("dynamodb").update_item(
        TableName=system.outputs["registry"]["AlgorithmsTableName"],
        Key={"algorithm": {"S": algorithm}, "version": {"S": version}},
        UpdateExpression="SET display = :display",
        ExpressionAttributeValues={":display": {"M": {"title": {"N": "7"}}}},
    )
    table.set_phase(system, algorithm, version, COMPLETE)


def newest(system: System, algorithm: str) -> Release:
    """The newest release of an algorithm."""
    return next(system.ledger.releases("opt", algorithm))


def decision(system: System, execution: str) -> str:
    """What the function logged about an execution."""
    name = system.outputs["watch"]["AutomaticRollbackFunctionName"]
    return eventually(lambda: logged(system, name, f'"{execution}"'))[-1]


def test_a_promotion_that_breaks_the_build_goes_back_and_sticks(careful: System) -> None:
    """By itself: the website is whole again, and the version does not return."""
    assert "verified" in names(promote(careful, "opt", "guide", "1.0.0"))
    eventually(lambda: settled(careful))
    poison(careful, "guide", "2.0.0")
    eventually(lambda: newest(careful, "guide").who == WHO)
    eventually(lambda: newest(careful, "guide").state == "verified")
    release = newest(careful, "guide")
    assert (release.action, release.previous, release.version) == ("rollback", "2.0.0", "1.0.0")
    assert release.reason.startswith("Build failed in execution ")
    table.set_phase(careful, "guide", "2.0.0", RUNNING)
    table.set_phase(careful, "guide", "2.0.0", COMPLETE)
    promote(careful, "opt", "other", "1.0.0")
    eventually(lambda: settled(careful))
    assert website.versions(careful, "opt").items() >= {"guide": "1.0.0", "other": "1.0.0"}.items()
    assert executions(careful)[0]["status"] == "Succeeded"


def test_a_rollback_whose_build_fails_goes_no_further(careful: System) -> None:
    """The build fails whatever is built: the promotion goes back once, and that is all."""
    for version in ("1.0.0", "2.0.0"):
        assert "verified" in names(promote(careful, "opt", "deep", version))
        eventually(lambda: settled(careful))
    project = careful.outputs["pipeline"]["BuildProjectName"]
    codebuild = careful.client("codebuild")
    source = codebuild.batch_get_projects(names=[project])["projects"][0]["source"]
    codebuild.update_project(name=project, source=source | {"buildspec": BROKEN_BUILD})
    before = len(executions(careful))
    try:
        table.write_algorithm(
            careful, "deep", "3.0.0", type_="opt", phase=COMPLETE, title="Deep", summary=""
        )
        eventually(lambda: newest(careful, "deep").who == WHO)
        eventually(lambda: len(executions(careful)) == before + 2 and settled(careful))
        last = executions(careful)[0]
        assert last["status"] == "Failed"
        line = decision(careful, last["pipelineExecutionId"])
        assert "every version that it carried is already live" in line
        assert newest(careful, "deep").version == "2.0.0"
    finally:
        codebuild.update_project(name=project, source=source)


def test_the_frontend_is_not_mended_by_a_rollback(careful: System) -> None:
    """A commit that breaks the build leaves every version where it is, and the log says why."""
    assert "verified" in names(promote(careful, "opt", "untouched", "1.0.0"))
    eventually(lambda: settled(careful))
    good = frontend.read(careful, "buildspec.yml")
    frontend.commit(careful, {"buildspec.yml": BROKEN_BUILD}, "Break the build")
    try:
        failed = eventually(
            lambda: [one for one in executions(careful)[:1] if one["status"] == "Failed"]
        )
        line = decision(careful, failed[0]["pipelineExecutionId"])
        assert "it is the first with the frontend's commit" in line
    finally:
        frontend.commit(careful, {"buildspec.yml": good}, "Mend the build")
    eventually(lambda: executions(careful)[0]["status"] == "Succeeded")


OF_AWS = "AWS makes this call for the service, and the emulator does it without the role."
FAULTS = "Only a step that fails makes this call."
NOT_USED_HERE = (
    ("*Role", "logs:*", OF_AWS),
    ("StreamListenerRole", "dynamodb:DescribeStream", OF_AWS),
    ("StreamListenerRole", "dynamodb:GetRecords", OF_AWS),
    ("StreamListenerRole", "dynamodb:GetShardIterator", OF_AWS),
    ("StreamListenerRole", "dynamodb:ListStreams", OF_AWS),
    ("BuildRole", "s3:GetBucket*", OF_AWS),
    ("BuildRole", "s3:GetObjectVersion", OF_AWS),
    ("PipelineRole", "s3:GetBucketAcl", OF_AWS),
    ("PipelineRole", "s3:GetBucketLocation", OF_AWS),
    (
        "PipelineRole",
        "s3:GetObject",
        "Only actions of other kinds need it.",
    ),
    ("PipelineRole", "s3:GetObjectVersion", "Only actions of other kinds need it."),
    ("PipelineRole", "s3:*Tagging", "Only a document with tags needs it."),
    ("PipelineRole", "s3:PutObjectAcl", OF_AWS),
    ("PipelineRole", "codestar-connections:UseConnection", "The former name of the same action."),
    ("*Role", "kms:Decrypt", "Only a token that is encrypted with an own key needs it."),
    ("*Role", "ssm:GetParameter", "Only a token in the Parameter Store needs it."),
    ("ExecutionRecorderRole", "sqs:SendMessage", FAULTS),
    ("StreamListenerRole", "s3:PutObject", FAULTS),
    ("StreamListenerRole", "s3:ListBucket*", FAULTS),
    ("StreamListenerRole", "s3:GetObjectVersion", FAULTS),
    ("StreamListenerRole", "dynamodb:DeleteItem", FAULTS),
    ("StreamListenerRole", "dynamodb:Query", "Only a withdrawal needs it."),
    ("AutomaticRollbackRole", "s3:ListBucket*", FAULTS),
    ("*Role", "codepipeline:PutJobFailureResult", FAULTS),
    ("SitePublisherRole", "s3:ListBucket", "Without it, S3 answers 403 for a missing object."),
    ("ReleaseVerifierRole", "s3:ListBucket", "Without it, S3 answers 403 for a missing object."),
    ("ReleaseVerifierRole", "s3:DeleteObject", "Only a build that drops a file needs it."),
    ("ReleaseVerifierRole", "cloudfront:*", "Only a build that drops a file needs it."),
    (
        "CacheInvalidatorRole",
        "cloudfront:GetInvalidation",
        "Only a slow invalidation needs it.",
    ),
)
"""The actions of roles that no step of these tests has to use, with the reason."""


def excused(role: str, action: str) -> list[tuple[str, str, str]]:
    """Return the exceptions for an action of a role."""
    return [
        entry
        for entry in NOT_USED_HERE
        if fnmatchcase(role, entry[0]) and fnmatchcase(action, entry[1])
    ]


def test_roles_are_granted_only_what_a_step_uses(careful: System) -> None:
    """Without any one of the statements, a call would be refused: of a step here, or of one that an
    exception names. What one statement allows, no other one of the role allows, too."""
    if not any(release.who == WHO for release in careful.ledger.newest("opt")):
        promote(careful, "opt", "granted", "1.0.0")
        eventually(lambda: settled(careful))
        poison(careful, "granted", "2.0.0")
        eventually(lambda: newest(careful, "granted").who == WHO)
        eventually(lambda: newest(careful, "granted").state == "verified")
        eventually(lambda: settled(careful))
    found = list(usage.granted(careful, [f"phaseline-{ENVIRONMENT}-{name}" for name in STACKS]))
    grants, calls = [grant for _, grant in found], usage.used(careful)
    roles = {grant.role: role for role, grant in found}
    assert len(roles) == 10
    unused = {(roles[grant.role], action) for grant, action in usage.unused(grants, calls)}
    assert {one for one in unused if not excused(*one)} == set()
    spare = [(roles[grant.role], grant) for grant in usage.removable(grants, calls)]
    assert [
        (role, grant.sid)
        for role, grant in spare
        if not all(excused(role, action) for action in grant.actions)
    ] == []
    given = {(role, action) for role, grant in found for action in grant.actions}
    stale = {*NOT_USED_HERE} - {entry for one in given for entry in excused(*one)}
    assert stale == set()
