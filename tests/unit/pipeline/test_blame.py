"""Which failures count against a version. The reasons are in the form in which CodePipeline tells
them, from public logs of pipelines."""

import pytest

from phaseline.pipeline.actions import Action
from phaseline.pipeline.blame import why_no_version

COMMAND = "Error while executing command: python3 build.py. Reason: exit status 1"


def failed(reason: str | None, code: str | None = "JobFailed", stage: str = "Build") -> Action:
    return Action(stage, stage, "Failed", "", "", reason=reason, code=code)


def build(
    phase: str = "BUILD",
    code: str = "COMMAND_EXECUTION_ERROR",
    message: str = COMMAND,
    state: str = "FAILED",
) -> str:
    """What CodePipeline tells of a build."""
    return f"Build terminated with state: {state}. Phase: {phase}, Code: {code}, Message: {message}"


@pytest.mark.parametrize("phase", ["BUILD", "POST_BUILD"])
@pytest.mark.parametrize("code", ["JobFailed", None])
@pytest.mark.parametrize(
    "message",
    [
        COMMAND,
        "Error while executing command: a, b: c\nd. Reason: exit status 2\n",
        "Error while executing command: a. Reason: exit status 128",
    ],
)
def test_failed_command_of_the_build_counts(phase: str, code: str | None, message: str) -> None:
    assert why_no_version(failed(build(phase, message=message), code)) is None


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (
            failed(build("INSTALL", message="npm ci. Reason: exit status 1")),
            "the build failed in its phase INSTALL",
        ),
        (
            failed(build("PRE_BUILD", message="pip install. Reason: exit status 1")),
            "the build failed in its phase PRE_BUILD",
        ),
        (
            failed(
                build(
                    "DOWNLOAD_SOURCE",
                    "YAML_FILE_ERROR",
                    "stat /codebuild/output/src980350499/src/buildspec.yml: no such file",
                )
            ),
            "the build failed in its phase DOWNLOAD_SOURCE",
        ),
        (
            failed(
                build(
                    "DOWNLOAD_SOURCE",
                    "Decrypted Variables Error",
                    "AccessDeniedException: User: arn:aws:sts::1:assumed-role/r is not authorized",
                )
            ),
            "the build failed in its phase DOWNLOAD_SOURCE",
        ),
        (
            failed(build("PROVISIONING", "INTERNAL_SERVICE_ERROR", "try again", "FAULT")),
            "the build ended as FAULT",
        ),
        (
            failed(build("BUILD", "BUILD_TIMED_OUT", "Build has timed out.", "TIMED_OUT")),
            "the build ended as TIMED_OUT",
        ),
        (failed(build("BUILD", "STOPPED", "", "STOPPED")), "the build ended as STOPPED"),
        (failed(build("BUILD", "CLIENT_ERROR", "x")), "the build reports CLIENT_ERROR"),
        (
            failed(build("UPLOAD_ARTIFACTS", "CLIENT_ERROR", "no matching base directory")),
            "the build failed in its phase UPLOAD_ARTIFACTS",
        ),
        (
            failed(build(message="make: Killed. Reason: exit status 137")),
            "a command of the build did not end by itself",
        ),
        (
            failed(build(message="make: Hangup. Reason: exit status 129")),
            "a command of the build did not end by itself",
        ),
        (
            failed(build(message="make. Reason: signal: killed")),
            "a command of the build did not end by itself",
        ),
        (
            failed("Build terminated with state: FAILED"),
            "CodeBuild does not say which of its phases failed",
        ),
        (
            failed(
                "Error calling startBuild: User is not authorized to perform: codebuild:StartBuild"
                " (Service: AWSCodeBuild; Status Code: 400; Error Code: AccessDeniedException)"
            ),
            "CodeBuild does not say which of its phases failed",
        ),
        (failed("no reason was given"), "CodeBuild does not say which of its phases failed"),
        (failed(None), "CodeBuild does not say which of its phases failed"),
        *(
            (failed(build(), code), f"CodePipeline reports {code}")
            for code in (
                "ConfigurationError",
                "InternalError",
                "PermissionError",
                "RevisionUnavailable",
                "SystemUnavailable",
            )
        ),
        *(
            (failed(build(), stage=stage), f"it failed in {stage}, which no version can cause")
            for stage in ("Source", "Publish", "Announce", "Verify")
        ),
    ],
)
def test_failure_that_no_version_can_cause_says_why(action: Action, why: str) -> None:
    found = why_no_version(action)
    assert found
    assert found.startswith(why)
