"""Jobs: what CodePipeline asks of a Lambda function, and the answers that it waits for."""

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
    """One question to a function. `answer` is the request of PutJob...Result, once it came."""

    data: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: dict[str, Any] | None = None


class Jobs:
    """The jobs of this run of the emulator."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()

    def open(self, data: dict[str, Any]) -> Job:
        """A new job that waits for its answer."""
        job = Job(data)
        with self._changed:
            self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> Job:
        """The job; raises ServiceError if there is none."""
        try:
            return self._jobs[job_id]
        except KeyError as error:
            raise ServiceError("JobNotFoundException", f"Job {job_id} was not found") from error

    def settle(self, answer: dict[str, Any]) -> None:
        """Take a function's answer. A job takes one answer only."""
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
        """Take no answer any more: the action gave up on the job."""
        with self._changed:
            job.answer = job.answer or {}

    def wait(self, job: Job, cancelled: Any) -> dict[str, Any] | None:
        """The answer, or None if none came in time or the action was cancelled."""
        until = time.monotonic() + ANSWER_LIMIT.total_seconds()
        with self._changed:
            while job.answer is None and time.monotonic() < until and not cancelled():
                self._changed.wait(0.5)
        return job.answer
