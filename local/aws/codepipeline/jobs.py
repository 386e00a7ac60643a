"""Jobs of Lambda functions, and the answers for which CodePipeline waits."""

import datetime
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from local.aws.ministack.shapes import ServiceError

# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
ANSWER_LIMIT = datetime.timedelta(minutes=20)
OUTPUT_VARIABLES_LIMIT = 122_880


@dataclass
class Job:
    """A job of a function. `answer` is the request with which the function answered, or None."""

    data: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: dict[str, Any] | None = None


class Jobs:
    """All jobs since the emulator was started."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()

    def open(self, data: dict[str, Any]) -> Job:
        """Create a job without an answer."""
        job = Job(data)
        with self._changed:
            self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> Job:
        """Return a job. Raises ServiceError if it does not exist."""
        try:
            return self._jobs[job_id]
        except KeyError as error:
            raise ServiceError("JobNotFoundException", f"Job {job_id} was not found") from error

    def settle(self, answer: dict[str, Any]) -> None:
        """Accept the answer of a function. A job accepts only one."""
        job = self.get(answer["jobId"])
        variables = answer.get("outputVariables", {})
        if (
            sum(len(name) + len(value) for name, value in variables.items())
            > OUTPUT_VARIABLES_LIMIT
        ):
            raise ServiceError(
                "OutputVariablesSizeExceededException", "Output variables exceed 122880 bytes"
            )
        with self._changed:
            if job.answer is not None:
                raise ServiceError("InvalidJobStateException", f"Job {job.id} is already settled")
            job.answer = answer
            self._changed.notify_all()

    def close(self, job: Job) -> None:
        """Accept no answer any more, because the action has ended."""
        with self._changed:
            job.answer = job.answer or {}

    def wait(self, job: Job, cancelled: Any) -> dict[str, Any] | None:
        """Return the answer, or None after the time limit or if the action was cancelled."""
        until = time.monotonic() + ANSWER_LIMIT.total_seconds()
        with self._changed:
            while job.answer is None and time.monotonic() < until and not cancelled():
                self._changed.wait(0.5)
        return job.answer
