"""The last lines of a failed build's log, which name the cause.

CodePipeline only reports the exit status of the command that failed. CodeBuild writes what the
command printed to CloudWatch Logs, in a group and a stream that it names for each build.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from phaseline.pipeline.actions import FAILED, Action

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_logs import CloudWatchLogsClient

BUILD_ID: Final = re.compile(r"[A-Za-z0-9][\w-]{1,254}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The ID of a build in CodeBuild: project and number. Other actions have other IDs.
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
"""
EVENTS_LIMIT: Final = 200
"""The events that are read, with one call. CodeBuild adds lines of its own after the failure."""
LINES_LIMIT: Final = 50
WIDTH_LIMIT: Final = 500
"""Characters of a line. Some tools print whole files on one line."""
OF_CODEBUILD: Final = "[Container]"
"""The beginning of CodeBuild's own lines."""
ENDED: Final = re.compile(r"\[Container\].*Phase complete: .*State: (?!SUCCEEDED)")


@dataclass(frozen=True)
class BuildLogs:
    """Reads the logs of builds."""

    codebuild: "CodeBuildClient"
    logs: "CloudWatchLogsClient"

    def cause(self, action: Action) -> tuple[str, ...]:
        """Return the last lines of the command with which an action failed.

        Return none for an action that did not fail, that is no build or that has no log.
        """
        if action.state != FAILED or not BUILD_ID.fullmatch(action.external_id or ""):
            return ()
        builds = self.codebuild.batch_get_builds(ids=[str(action.external_id)])["builds"]
        place = builds[0].get("logs", {}) if builds else {}
        if not (place.get("groupName") and place.get("streamName")):
            return ()
        events = self.logs.get_log_events(
            logGroupName=place["groupName"],
            logStreamName=place["streamName"],
            limit=EVENTS_LIMIT,
            startFromHead=False,
        )["events"]
        return cause_in([event.get("message", "") for event in events])


def cause_in(messages: Sequence[str]) -> tuple[str, ...]:
    """Return the last lines before the first phase that failed, without those of CodeBuild.

    >>> cause_in(["[Container] Running command make", "no title", "make: Error 1",
    ...     "[Container] Phase complete: BUILD State: FAILED", "cleaned up"])
    ('no title', 'make: Error 1')
    """
    lines = [line.rstrip() for message in messages for line in message.splitlines()]
    end = next((n for n, line in enumerate(lines) if ENDED.match(line)), len(lines))
    printed = _printed(lines[:end])
    return tuple(line[:WIDTH_LIMIT] for line in printed[-LINES_LIMIT:])


def _printed(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line and not line.startswith(OF_CODEBUILD)]
