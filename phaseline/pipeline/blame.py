"""Pure: whether the failure of an action can be the fault of a version that it built.

CodePipeline tells the result of a build in one sentence:

    Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error
    while executing command: python3 build.py. Reason: exit status 1

Only commands of the phases BUILD and POST_BUILD that end with an exit code of their own count. The
phases before install packages, whose registry may be down, and what is not a command's exit code is
a fault of CodeBuild or of a setting.
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

import re
from typing import Final

from phaseline.pipeline.actions import Action

BUILD: Final = "Build"
"""The stage whose actions read the documents."""
JOB_FAILED: Final = "JobFailed"
"""The code of a failure of the work itself. Others are a wrong configuration, a missing permission
or a service that is not available.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
"""
COMMAND_FAILED: Final = "COMMAND_EXECUTION_ERROR"
PHASES: Final = ("BUILD", "POST_BUILD")
SIGNALS: Final = 128
"""Higher exit codes say which signal ended a command, such as 137 if the memory was too small.
https://tldp.org/LDP/abs/html/exitcodes.html
"""
_ENDED: Final = re.compile(
    r"Build terminated with state: (?P<state>\w+)\.? Phase: (?P<phase>\w+),"
    r" Code: (?P<code>[^,]*), Message:(?P<message>.*)"
)
_EXIT: Final = re.compile(r"exit status (\d+)\Z")


def why_no_version(failed: Action) -> str | None:
    """Return why no version can have caused a failure, or None if a version can be the cause.

    >>> action = Action("Source", "In", "Failed", "", "")
    >>> why_no_version(action)
    'it failed in Source, which no version can cause'
    """
    if failed.stage != BUILD:
        return f"it failed in {failed.stage}, which no version can cause"
    if failed.code not in {None, JOB_FAILED}:
        return f"CodePipeline reports {failed.code}, which is a fault of a service or of a setting"
    ended = _ENDED.fullmatch(" ".join((failed.reason or "").split()))
    if ended is None:
        return "CodeBuild does not say which of its phases failed"
    if ended["state"] != "FAILED":
        return f"the build ended as {ended['state']}, and not by a command that failed"
    if ended["phase"] not in PHASES:
        return f"the build failed in its phase {ended['phase']}, which reads no document"
    if ended["code"] != COMMAND_FAILED:
        return f"the build reports {ended['code']}, and not a command that failed"
    exit_code = _EXIT.search(ended["message"])
    if exit_code is None or int(exit_code[1]) > SIGNALS:
        return "a command of the build did not end by itself"
    return None
