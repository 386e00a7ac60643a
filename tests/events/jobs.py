"""Jobs and events of the pipeline as Lambda delivers them, for tests."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DOCUMENTS = {"in": "v0", "opt": "v1", "out": "v0"}
"""The versions of the documents that the pipeline took."""
EXECUTION = "aaaaaaaa-0000-4000-8000-000000000001"
JOB = "11111111-2222-3333-4444-555555555555"


def lambda_job(
    *,
    inputs: dict[str, str] | None = None,
    outputs: dict[str, str] | None = None,
    progress: dict[str, Any] | None = None,
    **parameters: str,
) -> dict[str, Any]:
    """A Lambda action's job; artifacts are given as name -> key in the bucket `artifacts`."""
    event: dict[str, Any] = json.loads((FOLDER / "codepipeline_job.json").read_text())
    data = event["CodePipeline.job"]["data"]
    configuration = data["actionConfiguration"]["configuration"]
    configuration["UserParameters"] = json.dumps({"execution": EXECUTION} | DOCUMENTS | parameters)
    data["inputArtifacts"] = [_artifact(*item) for item in (inputs or {}).items()]
    data["outputArtifacts"] = [_artifact(*item) for item in (outputs or {}).items()]
    if progress is not None:
        data["continuationToken"] = json.dumps(progress)
    return event


def _artifact(name: str, key: str) -> dict[str, Any]:
    location = {"bucketName": "artifacts", "objectKey": key}
    return {"name": name, "revision": None, "location": {"type": "S3", "s3Location": location}}


def pipeline_failed(attempt: int = 1) -> dict[str, Any]:
    """EventBridge's event of a failed execution."""
    event: dict[str, Any] = json.loads((FOLDER / "pipeline_failed.json").read_text())
    event["detail"]["pipeline-execution-attempt"] = float(attempt)
    return event


class Context:
    """Lambda's context, with a number of seconds left."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)
