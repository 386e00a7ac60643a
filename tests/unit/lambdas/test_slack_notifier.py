"""The notifier, from a job or an event to Slack, and what a failing Slack does (nothing)."""

import json
import threading
import time
from collections import Counter
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

from local.waiting import PATIENCE
from phaseline.errors import InputError, PhaselineError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import SUPERSEDED, VERIFIED, Release
from phaseline.slack import looks, message_record, notifier
from phaseline.slack.message_record import View
from phaseline.slack.rendering import Message
from tests.builders import canaries
from tests.builders.calls import Answer, Calls, JobAnswers
from tests.builders.logs import fields
from tests.builders.stores import make_table
from tests.conftest import LoadHandler
from tests.events.jobs import EXECUTION, JOB, Context, lambda_job, pipeline_failed

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


def measured(capsys: pytest.CaptureFixture[str], metric: str) -> list[float]:
    """The values of a metric that were printed since the last call."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [value[metric] for value in map(json.loads, lines) if metric in value]


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


def test_one_message_from_the_start_to_the_proof(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """A release is one message that moves with the pipeline; its thread has details and the end."""
    release = record_release()
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    pipeline.execution(**TAKEN)
    pipeline.action("Source", 0)
    invoke(lambda_, changed("STARTED", "Build"))
    for second, stage in ((10, "Build"), (20, "Publish"), (30, "Announce"), (40, "Verify")):
        pipeline.action(stage, second, "InProgress")
        invoke(lambda_, changed("STARTED", stage))
        if stage == "Announce":
            invoke(lambda_)
        pipeline.action(stage, second)
    end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.texts == [
        "a 2.0.0 waits for the pipeline",
        "a 2.0.0 is being built",
        "a 2.0.0 is being published",
        "a 2.0.0 is being announced",
        "a 2.0.0 is being verified",
        "a 2.0.0 is live",
    ]
    (post,) = slack.posts
    assert post["channel"] == "C1"
    for said in (
        "→ 2.0.0, was 1.0.0",
        "`r-a-2.0.0`",
        "c0ffee0",
        "2 min",
        "site.example",
        EXECUTION,
    ):
        assert said in shown(slack.edits[-1])
    details, ended = slack.replies
    assert all(said in shown(details) for said in ("r-a-2.0.0", "v7", EXECUTION))
    assert all(said in shown(ended) for said in ("Total: 2 min 0 s", "Build: 5 s", "slowest"))
    assert pipeline.jobs.successes == [{"jobId": JOB}]


@pytest.mark.parametrize("again", [1, 3])
def test_a_second_delivery_adds_nothing(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, again: int
) -> None:
    """The same event twice, or an old one later, asks nothing of Slack."""
    record_release()
    pipeline.execution(**TAKEN)
    pipeline.action("Source", 0)
    pipeline.action("Build", 700, "InProgress")
    for _ in range(again):
        invoke(lambda_, changed("STARTED", "Build"))
    invoke(lambda_, changed("STARTED", "Source"))
    invoke(lambda_, changed("STARTED"))
    assert (len(slack.posts), len(slack.replies), slack.edits) == (1, 1, [])


def test_a_failure_then_mended(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """The message says where it failed, the thread why and where to look; a later execution that
    carries the release edits the same message."""
    release = record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == ["a 2.0.0 failed in Build: exit status 1"]
    _, failure = slack.replies
    for said in ("Build / Build", "exit status 1", "https://logs.example/build", EXECUTION):
        assert said in shown(failure)
    pipeline.execution("e2", **TAKEN | {"Frontend": "mended"})
    invoke(lambda_, changed("STARTED", "Build", "e2"))
    end(release)
    pipeline.execution("e2", "Succeeded")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert len(slack.posts) == 1
    assert slack.texts[1:] == ["a 2.0.0 is being built", "a 2.0.0 is live"]
    assert "mended"[:7] in shown(slack.edits[-1])


def test_a_failed_retry_is_told_again(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Each try of a stage that fails is a reply in the thread of the one message."""
    record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    pipeline.action("Build", 30, "Failed")
    invoke(lambda_, changed("FAILED"))
    assert (len(slack.posts), len(slack.replies)) == (1, 3)


def test_releases_of_one_revision_are_one_message(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """What travels together is told together, and counted beyond the first twenty."""
    for number in range(25):
        record_release(algorithm=f"a{number:02}")
    record_release(revision=8, algorithm="other")
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    newer, older = slack.texts
    assert newer == "other 2.0.0 waits for the pipeline"
    assert older == "a00 2.0.0 (+24 more) is being built"
    assert "and 5 more" in shown(slack.posts[1])


def test_a_failure_after_superseded_executions_is_told_of_each_release(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """The execution that overtook the others carried their releases, and tells of all."""
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision, algorithm=f"a{revision}")
    for revision in (7, 8):
        pipeline.execution(f"e{revision}", "Superseded", Frontend="x", Opt=f"v{revision}")
        invoke(lambda_, changed("SUPERSEDED", execution=f"e{revision}"))
    pipeline.fail("e9", Frontend="x", Opt="v9")
    invoke(lambda_, changed("FAILED", execution="e9"))
    assert sorted(text for text in slack.texts if "failed" in text) == [
        f"a{revision} {revision} failed in Build: exit status 1" for revision in (7, 8, 9)
    ]
    assert len(slack.posts) == 3


def test_what_was_superseded(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """A release that a later one overtook before visitors got it says which revision has won."""
    older = record_release()
    pipeline.fail(**TAKEN)
    invoke(lambda_, changed("FAILED"))
    newer = record_release("2.1.0", revision=8)
    end(older, SUPERSEDED)
    end(newer)
    pipeline.execution("e2", "Succeeded", Frontend="x", Opt="v8")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert slack.edits[-1]["text"].endswith("a 2.0.0 was superseded by revision 8")
    assert len(slack.posts) == 1


def test_what_was_rolled_back(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """Once the rollback is proved, the message about the version that it left says so."""
    left = record_release()
    pipeline.execution(**TAKEN)
    end(left)
    pipeline.execution(status="Succeeded")
    left_name = message_record.of_revision("opt", 7)
    kept = lambda_._notifier(time.monotonic() + 30).messages
    back = record_release(
        "1.0.0", revision=8, action="rollback", previous="2.0.0", who="ana", reason="it is slow"
    )
    # The message about it was told while it was on its way.
    shown_before = View(Message("live", ()), {}, True, [left.key], 1)
    kept.show(kept.read(left_name), shown_before, lambda: shown_before)
    pipeline.execution("e2", Frontend="x", Opt="v8")
    invoke(lambda_, changed("STARTED", "Build", "e2"))
    assert slack.texts[-1] == "a back to 1.0.0 is being built"
    end(back)
    pipeline.execution("e2", "Succeeded")
    invoke(lambda_, changed("SUCCEEDED", execution="e2"))
    assert [text for text in slack.texts if "rolled back" in text] == ["a 2.0.0 was rolled back"]
    assert slack.texts[-1] == "a back to 1.0.0 is live"
    assert len(slack.posts) == 2
    assert "Requested by ana: it is slow" in shown(slack.edits[-1])


def test_a_commit_alone(lambda_: ModuleType, slack: Slack, pipeline: Pipeline) -> None:
    """An execution that brings only another commit is a message of its own."""
    pipeline.execution("e0", "Succeeded", Frontend="old", Opt="v7")
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    pipeline.action("Publish", 0, outcome="published")
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.texts == ["website is being built", "website is live"]
    assert "c0ffee0" in shown(slack.edits[-1])


def test_nothing_new_is_nothing_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """An execution with neither releases nor another commit passes without a message."""
    pipeline.execution("e0", "Succeeded", Frontend="same")
    pipeline.execution(Frontend="same")
    invoke(lambda_, changed("STARTED", "Build"))
    invoke(lambda_)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.asked == []
    assert lost(capsys) == []


@pytest.mark.parametrize("outcome", ["superseded", "overtaken"])
def test_nothing_published_is_nothing_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, outcome: str
) -> None:
    """Nor does one that left the website to a later execution, unless it was told before."""
    pipeline.execution("e0", "Succeeded", Frontend="old")
    pipeline.execution(status="Succeeded", **TAKEN)
    pipeline.action("Publish", 0, outcome=outcome)
    invoke(lambda_, changed("SUCCEEDED"))
    assert slack.asked == []


def test_an_execution_of_releases_has_no_other_message(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """What a release's message tells is not told again by an event that comes after its end."""
    release = record_release()
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    invoke(lambda_, changed("SUCCEEDED"))
    invoke(lambda_, changed("FAILED"))
    assert len(slack.posts) == 1


def test_tells_a_failure_that_no_release_is_part_of(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Any other execution that fails is told, even with a commit that is live."""
    pipeline.execution("e0", "Succeeded", Frontend="same")
    pipeline.fail(Frontend="same")
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == ["website failed in Build: exit status 1"]


def test_many_messages_are_edited_in_turns(
    lambda_: ModuleType,
    slack: Slack,
    pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One event edits a bounded number, the newest first; the next event goes on."""
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision)
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8"]
    assert [line["record"] for line in fields(caplog)] == ["message#opt#7"]
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8", "7"]


def test_work_of_an_event_does_not_grow_with_the_open_revisions(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event looks at a bounded number of messages, and in the end each message is posted."""
    monkeypatch.setattr(looks, "LIMIT", 4)
    reads: Counter[str] = Counter()
    lambda_._LEDGER.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: reads.update([model.name])
    )
    pipeline.execution()

    def cost(second: int) -> int:
        before = reads.total()
        event = changed("STARTED") | {"time": f"2026-11-24T20:00:{second:02}Z"}
        invoke(lambda_, event)
        return reads.total() - before

    costs = []
    for count in (6, 12):
        for revision in range(count - 6, count):
            record_release(
                f"1.{revision}",
                revision=revision,
                algorithm=f"a{revision}",
                requested_at=f"2026-11-24T20:00:{revision:02}Z",
            )
        costs.append(max(cost(second) for second in range(4)))
    assert costs[1] <= costs[0]
    seconds = iter(range(4, 60))
    while len({text.split()[1] for text in slack.texts}) < 12:
        cost(next(seconds))


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def test_schedule_edits_what_an_event_left(
    lambda_: ModuleType,
    slack: Slack,
    pipeline: Pipeline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No other event is needed. Metrics tell of those that are left, and the oldest's age."""
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    for revision in (7, 8, 9):
        record_release(f"{revision}", revision=revision)
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    assert [text.split()[1] for text in slack.texts] == ["9", "8"]
    assert measured(capsys, "NotifierBehind") == [1]
    invoke(lambda_, SCHEDULED)
    assert [text.split()[1] for text in slack.texts] == ["9", "8", "7"]
    assert measured(capsys, "NotifierBehind") == [0]
    invoke(lambda_, SCHEDULED)
    (age,) = measured(capsys, "OldestRelease")
    since = datetime.fromisoformat("2026-11-24T20:00:00Z")
    assert age >= (datetime.now(UTC) - since).total_seconds() - PATIENCE


def test_schedule_costs_four_queries_if_nothing_is_open(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline
) -> None:
    """Neither CodePipeline nor Slack is called."""
    calls: list[str] = []
    lambda_._LEDGER.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )
    invoke(lambda_, SCHEDULED)
    assert calls == ["Query"] * 4
    assert (pipeline.jobs.asked, slack.asked) == ([], [])


def test_lost_message_of_the_schedule_is_left_to_its_next_run(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    invoke(lambda_, SCHEDULED)
    assert len(lost(capsys)) == 1


def test_each_of_many_releases_of_one_execution_is_told(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it ended before an update looked at it. The schedule tells those that are left."""
    monkeypatch.setattr(looks, "LIMIT", 4)
    monkeypatch.setattr(notifier, "MESSAGES_LIMIT", 2)
    releases = [
        record_release(f"{revision}", revision=revision, algorithm=f"a{revision}")
        for revision in range(7, 15)
    ]
    pipeline.execution(Frontend="x", Opt="v14")
    invoke(lambda_, changed("STARTED", "Build"))
    for release in releases:
        end(release)
    pipeline.execution(status="Succeeded")
    invoke(lambda_, changed("SUCCEEDED"))
    seconds = iter(range(60))
    while len([text for text in slack.texts if "is live" in text]) < len(releases):
        assert next(seconds, None) is not None, slack.texts
        invoke(lambda_, SCHEDULED)
    assert len(slack.posts) == len(releases)
    kept = lambda_._notifier(time.monotonic() + 30).messages
    assert kept.unfinished() == []


def test_what_slack_refuses_hinders_no_other(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message that Slack does not take is lost alone, and is shown by the next event."""
    record_release()
    record_release("2.1.0", revision=8)
    slack.answers = [
        Slack.answer({"ok": False, "error": "msg_blocks_too_long"}),
        Slack.answer({"ok": True, "ts": "1.7", "channel": "C1"}),
    ]
    with pytest.raises(PhaselineError, match="msg_blocks_too_long"):
        invoke(lambda_, changed("STARTED"))
    assert len(lost(capsys)) == 1
    invoke(lambda_, changed("STARTED"))
    invoke(lambda_, changed("STARTED"))
    said = [text.split()[1] for text in slack.texts]
    assert said == ["2.1.0", "2.0.0", "2.1.0"]


@pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed"])
def test_a_message_that_can_not_be_edited(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, code: str
) -> None:
    """Another is posted in its place."""
    record_release()
    pipeline.execution()
    invoke(lambda_, changed("STARTED"))
    slack.answers = [
        Slack.answer({"ok": False, "error": code}),
        Slack.answer({"ok": True, "ts": "1.7", "channel": "C1"}),
    ]
    pipeline.execution(**TAKEN)
    invoke(lambda_, changed("STARTED", "Build"))
    assert [post["text"].rpartition(" is ")[2] for post in slack.posts][1:] == ["being built"]
    assert slack.replies[-1]["thread_ts"] == "1.7"


FAULTS: dict[str, Response] = {
    "a rate limit without end": Slack.answer("{}", 429, **{"Retry-After": "1"}),
    "a rate limit beyond the time": Slack.answer("{}", 429, **{"Retry-After": "999"}),
    "channel_not_found": Slack.answer({"ok": False, "error": "channel_not_found"}),
    "msg_blocks_too_long": Slack.answer({"ok": False, "error": "msg_blocks_too_long"}),
    "a server error": Slack.answer("oops", 500),
    "no JSON": Slack.answer("<html>"),
    "an empty answer": Slack.answer({}),
}


@pytest.fixture
def told(pipeline: Pipeline) -> Pipeline:
    """A pipeline with something to tell."""
    record_release()
    pipeline.execution(**TAKEN)
    return pipeline


@pytest.mark.parametrize("fault", FAULTS)
def test_slack_never_fails_the_pipeline(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    """Whatever Slack answers, the action succeeds, and the loss is counted once, on one line."""
    slack.answers = [FAULTS[fault]]
    invoke(lambda_, seconds=10)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    (line,) = lost(capsys)
    assert "\n" not in line["error"]
    if "_" in fault:
        assert fault in line["error"]


def test_a_silent_slack_is_given_up_in_time(
    lambda_: ModuleType,
    httpserver: HTTPServer,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A Slack that does not answer within the function's time is given up, and counted."""

    given_up = threading.Event()

    def hang(_: Request) -> Response:
        assert given_up.wait(PATIENCE)
        return Slack.answer({"ok": True, "ts": "1.2", "channel": "C1"})

    httpserver.expect_request("/api/chat.postMessage").respond_with_handler(hang)
    invoke(lambda_, seconds=5)
    given_up.set()
    assert len(told.jobs.successes) == 1
    assert "TimeoutError" in lost(capsys)[0]["error"]


def test_an_unreachable_slack(
    lambda_: ModuleType, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is tried again and then counted."""
    object.__setattr__(lambda_._SETTINGS, "api_url", "http://127.0.0.1:1/api/")
    invoke(lambda_)
    assert len(told.jobs.successes) == 1
    assert "URLError" in lost(capsys)[0]["error"]


def test_a_lost_event_is_left_to_lambda(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an event could not tell raises, so that it is delivered again, and is told then."""
    slack.answers = [Slack.answer({"ok": False, "error": "channel_not_found"})]
    with pytest.raises(PhaselineError, match="channel_not_found"):
        invoke(lambda_, changed("STARTED", "Build"))
    assert len(lost(capsys)) == 1
    slack.answers = []
    invoke(lambda_, changed("STARTED", "Build"))
    assert len(slack.posts) == 2


def test_a_rate_limit_is_obeyed(
    lambda_: ModuleType, slack: Slack, told: Pipeline, pauses: list[float]
) -> None:
    """After a 429 it waits as long as asked, then posts."""
    slack.answers = [Slack.answer("{}", 429, **{"Retry-After": "1"}), OK]
    invoke(lambda_)
    (pause,) = pauses
    assert pause >= 1
    assert len(slack.posts) == 2


def test_a_passing_server_error_is_tried_again(
    lambda_: ModuleType, slack: Slack, told: Pipeline
) -> None:
    """One 500 does not lose the message."""
    slack.answers = [Slack.answer("oops", 500), OK]
    invoke(lambda_)
    assert len(slack.posts) == 2


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked"])
def test_a_rotated_token_is_fetched_again(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    code: str,
) -> None:
    """A token that Slack refuses is fetched anew, once."""
    lambda_._TOKEN.value()
    boto3.client("secretsmanager").put_secret_value(SecretId="slack", SecretString=NEW_TOKEN)
    slack.answers = [Slack.answer({"ok": False, "error": code}), OK]
    invoke(lambda_)
    assert slack.tokens[:2] == [TOKEN, NEW_TOKEN]
    assert lost(capsys) == []


def test_a_wrong_token_is_given_up(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that is refused twice is a lost message, and is not shown."""
    slack.answers = [Slack.answer({"ok": False, "error": "invalid_auth"})]
    invoke(lambda_)
    assert len(slack.tokens) == 2
    assert "invalid_auth" in lost(capsys)[0]["error"]


@pytest.mark.parametrize("answer", ["AccessDeniedException", ConnectionError("no way")])
@pytest.mark.parametrize("call", ["UpdateItem", "GetItem", "Query", "GetSecretValue"])
def test_a_fault_of_aws_never_fails_the_pipeline(
    lambda_: ModuleType,
    slack: Slack,
    told: Pipeline,
    capsys: pytest.CaptureFixture[str],
    call: str,
    answer: Answer,
) -> None:
    """Without ledger or secret there is no message, but a success, and the loss is counted."""
    client = lambda_._TOKEN.secretsmanager if call == "GetSecretValue" else lambda_._LEDGER.client
    Calls(client, **{call: lambda _: answer})
    invoke(lambda_)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    assert lost(capsys)
    assert slack.posts == []


@pytest.mark.parametrize(
    "unanswered", [["ListActionExecutions"], ["ListActionExecutions", "ListPipelineExecutions"]]
)
def test_without_details_the_message_still_goes_out(
    lambda_: ModuleType, slack: Slack, pipeline: Pipeline, unanswered: list[str]
) -> None:
    """Where CodePipeline does not answer, the message says what the event does, and is posted."""
    pipeline.fail()
    for name in unanswered:
        pipeline.answers[name] = lambda _: "AccessDeniedException"
    invoke(lambda_, changed("FAILED"))
    assert slack.texts == [
        "website failed: The failed action is unknown. See the pipeline execution."
    ]


def test_a_job_without_parameters_never_fails_the_pipeline(
    lambda_: ModuleType, slack: Slack, told: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misconfigured action is a lost message that names the missing parameter."""
    event = lambda_job(execution="")
    invoke(lambda_, event)
    assert (len(told.jobs.successes), len(told.jobs.failures)) == (1, 0)
    assert "UserParameters.execution" in lost(capsys)[0]["error"]


def test_an_answer_that_is_not_taken_is_left_to_lambda(
    lambda_: ModuleType, slack: Slack, told: Pipeline
) -> None:
    """Where CodePipeline takes no answer, the invocation fails, so that Lambda repeats it."""
    losses = [ConnectionError("lost")]
    told.answers["PutJobSuccessResult"] = lambda _: losses.pop() if losses else {}
    with pytest.raises(ConnectionError):
        invoke(lambda_)
    invoke(lambda_)
    assert len(slack.posts) == 1


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": None}, {"time": None}])
def test_a_foreign_event_is_refused(
    lambda_: ModuleType, slack: Slack, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    """An event without an execution is named as such."""
    with pytest.raises(InputError, match="execution-id"):
        invoke(lambda_, event)
    assert slack.asked == []
