"""The function slack_notifier with a Slack, a pipeline and a ledger."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.releases.ledger import Ledger
from phaseline.releases.release import VERIFIED, Release
from tests.builders import canaries
from tests.builders.calls import JobAnswers
from tests.builders.logs import fields
from tests.builders.stores import make_table
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, Context, lambda_job, pipeline_failed

TOKEN = canaries.CANARIES["Slack token"]


NEW_TOKEN = f"{TOKEN}-2"


SOURCE_TYPE = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}


STARTED = datetime(2026, 11, 24, 20, 0, 5, tzinfo=UTC)


NOTIFY = lambda_job()


class Slack:
    """Slack's API: gives its answers one after the other, then takes everything."""

    def __init__(self, server: HTTPServer) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        self.answers: list[Response] = []
        for method in ("chat.postMessage", "chat.update"):
            server.expect_request(f"/api/{method}").respond_with_handler(self._take)
        self._lock = threading.Lock()

    @staticmethod
    def answer(body: Any, status: int = 200, **headers: str) -> Response:
        data = body if isinstance(body, str) else json.dumps(body)
        return Response(data, status, {"Content-Type": "application/json", **headers})

    def _take(self, request: Request) -> Response:
        with self._lock:
            self.asked.append((request.path.removeprefix("/api/"), request.get_json()))
            self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
            taken = self.answer({"ok": True, "ts": f"1.{len(self.asked)}", "channel": "C1"})
            if len(self.answers) > 1:
                return self.answers.pop(0)
            return self.answers[0] if self.answers else taken

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The messages that were posted in the channel itself."""
        return [fields for method, fields in self.asked if is_post(method, fields)]

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [fields for _, fields in self.asked if "thread_ts" in fields]

    @property
    def edits(self) -> list[dict[str, Any]]:
        return [fields for method, fields in self.asked if method == "chat.update"]

    @property
    def texts(self) -> list[str]:
        """What the message said, one after the other."""
        shown = [fields["text"] for method, fields in self.asked if "thread_ts" not in fields]
        return [text.partition("demo: ")[2] for text in shown]


def is_post(method: str, fields: dict[str, Any]) -> bool:
    return method == "chat.postMessage" and "thread_ts" not in fields


@pytest.fixture
def slack(httpserver: HTTPServer) -> Slack:
    return Slack(httpserver)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which Slack's client would pause before it tries again; it does not."""
    found: list[float] = []
    for module in ("handler", "builtin_handlers"):
        clock = SimpleNamespace(sleep=found.append)
        monkeypatch.setattr(f"slack_sdk.http_retry.{module}.time", clock)
    return found


@pytest.fixture
def lambda_(
    load_handler: LoadHandler, httpserver: HTTPServer, pauses: list[float]
) -> Iterator[ModuleType]:
    with mock_aws():
        make_table(boto3.client("dynamodb"), "ledger")
        secret = boto3.client("secretsmanager").create_secret(Name="slack", SecretString=TOKEN)
        yield load_handler(
            "slack_notifier",
            {
                "ENVIRONMENT": "demo",
                "SLACK_CHANNEL": "C1",
                "SLACK_TOKEN_ARN": secret["ARN"],
                "SLACK_API_URL": httpserver.url_for("/api/"),
                "LEDGER_TABLE": "ledger",
                "SITE_URL": "https://site.example",
                "PIPELINE_NAME": "phaseline-demo",
            },
        )


class Pipeline:
    """What CodePipeline tells of its executions; a test moves them on."""

    def __init__(self, module: ModuleType) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.answers: dict[str, Any] = {
            "PutJobSuccessResult": lambda _: {},
            "ListPipelineExecutions": lambda _: {
                "pipelineExecutionSummaries": list(self.executions.values())[::-1]
            },
            "ListActionExecutions": lambda asked: {
                "actionExecutionDetails": self.actions.get(
                    asked["filter"]["pipelineExecutionId"], []
                )[::-1]
            },
        }
        self.jobs = JobAnswers(
            module._CODEPIPELINE,
            **{name: self._of(name) for name in self.answers},
        )

    def _of(self, name: str) -> Any:
        return lambda asked: self.answers[name](asked)

    def execution(self, id_: str = EXECUTION, status: str = "InProgress", **taken: str) -> None:
        """There is an execution with this status, which took these revisions."""
        known = self.executions.get(id_, {"startTime": STARTED, "sourceRevisions": []})
        revisions = [
            {"actionName": n, "revisionId": v, "revisionSummary": f"revision {v[1:]}"}
            for n, v in taken.items()
        ]
        self.executions[id_] = known | {"pipelineExecutionId": id_, "status": status}
        if revisions:
            self.executions[id_]["sourceRevisions"] = revisions

    def action(
        self, stage: str, second: int, status: str = "Succeeded", id_: str = EXECUTION, **made: Any
    ) -> None:
        """An action of this stage started in a second of the execution, and took five."""
        known = self.actions.setdefault(id_, [])
        known[:] = [one for one in known if one["startTime"] != STARTED + timedelta(seconds=second)]
        known.append(
            {
                "stageName": stage,
                "actionName": stage,
                "status": status,
                "startTime": STARTED + timedelta(seconds=second),
                "lastUpdateTime": STARTED + timedelta(seconds=second + 5),
                "input": {"actionTypeId": SOURCE_TYPE},
                "output": {
                    "executionResult": {
                        "errorDetails": {"message": "exit status 1"},
                        "externalExecutionUrl": "https://logs.example/build",
                    },
                    "outputVariables": made,
                },
            }
        )

    def fail(self, id_: str = EXECUTION, **taken: str) -> None:
        """An execution took these revisions and failed in its build."""
        self.execution(id_, "Failed", **(taken or {"Frontend": "c0ffee0123"}))
        self.action("Source", 0, id_=id_)
        self.action("Build", 10, "Failed", id_=id_)


@pytest.fixture
def pipeline(lambda_: ModuleType) -> Pipeline:
    return Pipeline(lambda_)


def changed(state: str, stage: str | None = None, execution: str = EXECUTION) -> dict[str, Any]:
    """EventBridge's event of an execution's, or a stage's, new state."""
    event = pipeline_failed()
    event["detail"] |= {"state": state, "execution-id": execution}
    if stage:
        event["detail-type"] = "CodePipeline Stage Execution State Change"
        event["detail"]["stage"] = stage
    return event


def invoke(module: ModuleType, event: Any = NOTIFY, seconds: float = 30) -> None:
    """Invoke the function with as many seconds left."""
    module.handler(event, Context(seconds))


def shown(post: dict[str, Any]) -> str:
    """All of a message's texts."""
    return json.dumps(post, ensure_ascii=False)


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    logged = caplog.text + str(fields(caplog))
    assert canaries.found_in(logged) == []


def lost(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines about lost messages; asserts that nothing printed shows a secret."""
    out, err = capsys.readouterr()
    assert canaries.found_in(out + err) == []
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [line for line in lines if "SlackMessageLost" in line]


def record_release(
    version: str = "2.0.0", *, revision: int = 7, algorithm: str = "a", **changes: Any
) -> Release:
    """Write an open release of an opt algorithm that a document's revision holds."""
    release = replace(
        Release(
            release_id=f"r-{algorithm}-{version}",
            type="opt",
            algorithm=algorithm,
            version=version,
            action="promote",
            previous="1.0.0",
            requested_at=f"2026-11-24T20:00:0{revision - 7}Z",
            sequence=str(revision),
            reason="its phase was set",
            document_version=f"v{revision}",
            revision=revision,
        ),
        **changes,
    )
    ledger().record([release], at=release.requested_at)
    return release


def ledger() -> Ledger:
    return Ledger(boto3.client("dynamodb"), "ledger")


def end(release: Release, state: str = VERIFIED) -> None:
    """The release was seen served, or something newer in its place."""
    ledger().stamp(release, state, at="2026-11-24T20:02:00Z", state=state)


OK = Slack.answer({"ok": True, "ts": "1.2", "channel": "C1"})


TAKEN = {"Frontend": "c0ffee0123456789", "Opt": "v7"}


@pytest.fixture
def told(pipeline: Pipeline) -> Pipeline:
    """A pipeline with something to tell."""
    record_release()
    pipeline.execution(**TAKEN)
    return pipeline
