"""No secret is shown, whatever a function or a command does and whichever of its calls fails."""

import base64
import functools
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.deploy import environment, package
from phaseline.documents.store import Documents
from phaseline.site import publication
from phaseline.site.publication import Publication
from scripts.__main__ import main
from scripts.cli import aws, failures
from scripts.github import changelog
from tests.builders import canaries
from tests.builders.canaries import CANARIES, OF_AWS, OF_GITHUB, Remote
from tests.builders.environments import DEMO
from tests.builders.executions import E1, action, summary
from tests.builders.logs import everything
from tests.builders.site import (
    BUILD_KEY,
    METADATA,
    PUBLICATION_KEY,
    SITE,
    build,
    make_buckets,
    manifest,
)
from tests.builders.stores import make_table, never
from tests.conftest import LoadHandler
from tests.events import stream_record
from tests.events.jobs import EXECUTION, Context, lambda_job, pipeline_failed

FILES = {"index.html": b"x", "phaseline.json": manifest()}
COMMON = {
    "ENVIRONMENT": "demo",
    "SITE_BUCKET": SITE,
    "METADATA_BUCKET": METADATA,
    "METADATA_PREFIX": "metadata/",
    "LEDGER_TABLE": "ledger",
    "PIPELINE_NAME": "phaseline-demo",
    "DISTRIBUTION_ID": "EDIST",
    "ORIGIN_DOMAIN": "site.example",
    "SLACK_CHANNEL": "C1",
    "PHASE": "PACKAGE_TESTS_COMPLETE",
    "ALGORITHM_ATTRIBUTE": "algorithm",
    "VERSION_ATTRIBUTE": "version",
    "TYPE_ATTRIBUTE": "type",
    "PHASE_ATTRIBUTE": "phase",
    "DISPLAY_ATTRIBUTE": "display",
    "WITHDRAWS_ON_LEAVE": "true",
    "GITHUB_REPOSITORY": "acme/releases",
    "DISPATCH_EVENT_TYPE": "version-tested",
}
ENDED = {"pipelineExecutionSummaries": [summary(E1, "Failed", Frontend="c0ffee0", Opt="v7")]}
ACTIONS = [action(name, "Succeeded") for name in ("Source", "Publish")] + [
    action("Build", "Failed", errorDetails={"message": "exit status 1"})
]
INVALIDATION = {"Invalidation": {"Id": "I1", "Status": "Completed"}}
ANSWERS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "PutJobSuccessResult": lambda _: {},
    "PutJobFailureResult": lambda _: {},
    "ListPipelineExecutions": lambda _: ENDED,
    "ListActionExecutions": lambda _: {"actionExecutionDetails": ACTIONS},
    "GetPipelineExecution": lambda _: {"pipelineExecution": {"status": "Failed"}},
    "StartPipelineExecution": lambda _: {"pipelineExecutionId": E1},
    "CreateInvalidation": lambda _: INVALIDATION,
    "GetInvalidation": lambda _: INVALIDATION,
}
"""The answers for operations that moto lacks."""


Shown = tuple[int, list[Any]]
"""The exit code of a command, and all that it shows and sends."""


@dataclass
class World:
    """An account, a GitHub, a Slack and a website, of which any call may fail."""

    remote: Remote
    server: HTTPServer
    secrets: Mapping[str, str]
    manifest: bytes
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200

    def answer(self, request: Request) -> Response:
        """Answer a request to GitHub, Slack, GitHub's identity provider or the website."""
        self.bodies.append(request.get_data())
        if self.status != 200:
            # Some servers quote the request.
            return Response(str(dict(request.headers)), self.status)
        if "dispatches" in request.path:
            return Response(status=204)
        if request.path.endswith("phaseline.json"):
            return Response(self.manifest)
        if "token" in request.path:
            value: Any = {"value": CANARIES["OIDC token"]}
        elif "repos" in request.path:
            value = [] if request.method == "GET" else {"number": 1, "id": 1, "url": "x"}
        else:
            value = {"ok": True, "ts": "1.1", "channel": "C1"}
        return Response(json.dumps(value), content_type="application/json")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> Iterator[World]:
    for name, value in {**canaries.ENVIRONMENT, **COMMON}.items():
        monkeypatch.setenv(name, value)
    for name, path in {"SLACK_API_URL": "/api/", "GITHUB_API_URL": "", "SITE_URL": ""}.items():
        monkeypatch.setenv(name, httpserver.url_for(path).rstrip("/") + ("/" if path else ""))
    slept, clock = [0.0], time.monotonic
    monkeypatch.setattr(time, "sleep", slept.append)  # slack_sdk's pauses, too
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(slept))
    aws.session.cache_clear()
    with mock_aws():
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        make_buckets(s3)
        s3.put_bucket_versioning(Bucket=METADATA, VersioningConfiguration={"Status": "Enabled"})
        documents = Documents(s3, METADATA, "metadata/", never)
        documents.create_missing()
        make_table(dynamodb, "ledger")
        make_algorithms(dynamodb)
        publish(s3)
        manager = boto3.client("secretsmanager")
        arns = {
            kind: manager.create_secret(Name=kind, SecretString=CANARIES[f"{kind} token"])["ARN"]
            for kind in ("Slack", "GitHub")
        }
        for kind, arn in arns.items():
            monkeypatch.setenv(f"{kind.upper()}_TOKEN_ARN", arn)
        served = json.loads(manifest(revision=0))
        for type_, document in served["documents"].items():
            document["version_id"] = documents.read(type_).version_id
        made = World(Remote(monkeypatch, ANSWERS), httpserver, arns, json.dumps(served).encode())
        httpserver.expect_request(re.compile(".*")).respond_with_handler(made.answer)
        yield made
    aws.session.cache_clear()


def make_algorithms(dynamodb: Any) -> None:
    """The algorithms table, with one version whose tests are complete."""
    keys = {"algorithm": "HASH", "version": "RANGE"}
    dynamodb.create_table(
        TableName="algorithms",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in keys],
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in keys.items()],
    )
    values = {"algorithm": "a", "version": "1", "type": "opt", "phase": COMMON["PHASE"]}
    dynamodb.put_item(TableName="algorithms", Item={n: {"S": v} for n, v in values.items()})


def publish(s3: Any) -> None:
    """Store a build and its publication as artifacts."""
    build(s3, FILES)
    made = Publication(EXECUTION, "published", ("/index.html",), {}, (), {})
    build(s3, publication.render(made), PUBLICATION_KEY)


# ---- Functions ------------------------------------------------------------------------------

EVENTS: Mapping[str, Any] = {
    "stream_listener": {"Records": [stream_record(5)]},
    "automatic_rollback": {"time": "2026-11-24T20:05:00Z", "detail": {"execution-id": E1}},
    "execution_recorder": pipeline_failed(),
    "slack_notifier": pipeline_failed(),
    "site_publisher": lambda_job(
        inputs={"Site": BUILD_KEY}, outputs={"Publication": "new/publication"}
    ),
    "cache_invalidator": lambda_job(inputs={"Publication": PUBLICATION_KEY}),
    "release_verifier": lambda_job(inputs={"Publication": PUBLICATION_KEY}),
}


def test_every_function_is_driven() -> None:
    folders = (Path(__file__).parents[2] / "lambdas").glob("*/handler.py")
    assert {file.parent.name for file in folders} == EVENTS.keys()


def invoked(module: ModuleType, name: str) -> BaseException | None:
    """Invoke a function, and return what it raises."""
    try:
        module.handler(EVENTS[name], Context())
    except Exception as error:  # noqa: BLE001 - Lambda logs whatever it is
        return error
    return None


@pytest.mark.parametrize("name", EVENTS)
def test_function_shows_no_secret(
    world: World,
    name: str,
    load_handler: LoadHandler,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in its log, nor in what it raises, writes, answers or sends. Each call fails in turn,
    with the next kind of error; the first call with each."""
    caplog.set_level(logging.INFO)
    module = load_handler(name, {})
    world.remote.arm(0, OF_AWS["refused"])
    assert not isinstance(invoked(module, name), ClientError)
    calls = world.remote.calls
    assert calls > 0
    kinds = cycle(OF_AWS.values())
    faults = [(1, make) for make in OF_AWS.values()]
    faults += [(number, next(kinds)) for number in range(2, calls + 1)]
    for number, make in [(0, OF_AWS["refused"]), *faults]:
        for status in (200, 500) if number == 0 else (200,):
            world.status = status
            module = load_handler(name, {})
            world.remote.arm(number, make)
            raised = invoked(module, name)
            shown = everything(capsys, caplog)
            caplog.clear()
            assert canaries.found_in(shown, raised, world.remote.sent, world.bodies) == []


# ---- Commands -------------------------------------------------------------------------------

ENVIRONMENT = ["--environment", "demo"]
REQUEST = ["--action", "promote", "--type", "opt", "--algorithm", "a", "--version", "1"]
WHY = ["--reason", "why"]
COMMANDS: Mapping[str, list[str]] = {
    "backfill": [*ENVIRONMENT, "--timeout", "1"],
    "board": [*ENVIRONMENT, "--out", os.devnull],
    "clear": [*ENVIRONMENT, "opt/a", "1", *WHY],
    "completion": ["install", "--shell", "fish"],
    "deploy": [*ENVIRONMENT, "--stack", "registry", "--timeout", "1"],
    "diff": ENVIRONMENT,
    "dora": ENVIRONMENT,
    "drift": [*ENVIRONMENT, "--report", "--repair", "--settle", "0", "--timeout", "1"],
    "follow-pipeline": [*ENVIRONMENT, "--execution", E1, "--timeout", "1"],
    "github-release": ["--version", "1.0.0"],
    "github-setup": [*ENVIRONMENT, "--reviewer", "ada"],
    "history": ENVIRONMENT,
    "hold": [*ENVIRONMENT, "opt/a", *WHY],
    "init": [
        *ENVIRONMENT,
        *("--repository", "acme/automation", "--frontend", "acme/web", "--slack-channel", "C1"),
        *("--table", "algorithms", "--dry-run"),
    ],
    "invalidate-cache": [*ENVIRONMENT, "--execution", E1],
    "logs": [*ENVIRONMENT, E1],
    "open": [*ENVIRONMENT, E1],
    "package": [],
    "preview": [*ENVIRONMENT, "--pull-request", "1", "--timeout", "1"],
    "promote": [*ENVIRONMENT, "opt/a", "1", *WHY, "--timeout", "1"],
    "release": [*ENVIRONMENT, *REQUEST, *WHY, "--timeout", "1"],
    "report": [*ENVIRONMENT, "--outcome", "failure", "--execution", E1],
    "resume": [*ENVIRONMENT, "opt/a", *WHY],
    "rollback": [*ENVIRONMENT, "opt/a", *WHY, "--timeout", "1"],
    "start-pipeline": ENVIRONMENT,
    "status": ENVIRONMENT,
    "stop": [*ENVIRONMENT, E1, *WHY],
    "update-metadata": [*ENVIRONMENT, *REQUEST, *WHY],
    "verify-account": ENVIRONMENT,
    "watch": [*ENVIRONMENT, E1, "--timeout", "1"],
    "whoami": ["--role-arn", "arn:aws:iam::111122223333:role/phaseline-demo-deploy"],
}
DONE = {
    "board",
    "completion",
    "hold",
    "open",
    "resume",
    "diff",
    "dora",
    "github-release",
    "history",
    "logs",
    "package",
    "report",
    "start-pipeline",
    "status",
    "update-metadata",
}
"""The commands that succeed here. The others end with an error, such as a failed execution."""
built = functools.cache(package.build)
"""Packages are built once, because a build calls nobody."""
CALLS_LIMIT = 16
"""Calls of a command that fail in turn. Later ones repeat those of other stacks or documents."""


def test_every_command_is_driven() -> None:
    assert {*main.list_commands(None)} == COMMANDS.keys()  # type: ignore[arg-type]


@pytest.fixture
def job(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Shown]:
    """Runs a command as in a job. Returns its exit code, and all that it shows and sends."""
    url = world.server.url_for("").rstrip("/")
    demo = replace(
        DEMO,
        site_url=url,
        slack_api_url=f"{url}/api/",
        slack_token_arn=world.secrets["Slack"],
    )
    monkeypatch.setattr(environment, "read", lambda client, name: demo)
    monkeypatch.setenv("HOME", str(tmp_path))
    # The changelog of this checkout may have changes that no version has yet.
    monkeypatch.setattr(changelog, "notes", lambda text, version: "- New.")
    monkeypatch.setattr(package, "build", lambda *place: built(place[0], tuple(place[1]), place[2]))
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/automation",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": "c" * 40,
        "GITHUB_ACTOR": "ana",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token",
        **{name: str(path) for name, path in files.items()},
    }.items():
        monkeypatch.setenv(name, value)

    def run(name: str) -> Shown:
        out, err = io.StringIO(), io.StringIO()
        for path in files.values():
            path.write_text("")
        monkeypatch.setattr(sys, "argv", ["scripts", name, *COMMANDS[name]])
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as exited:
            failures.run(main)
        written = [path.read_text("utf-8") for path in files.values()]
        shown = [out.getvalue(), err.getvalue(), *written, world.remote.sent, world.bodies]
        return int(exited.value.code or 0), shown

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_command_shows_no_secret(world: World, name: str, job: Callable[[str], Shown]) -> None:
    """Neither on the terminal, nor in a summary, an output, a message, an issue or a document."""
    world.remote.arm(0, OF_AWS["refused"])
    code, shown = job(name)
    assert (code == 0) == (name in DONE), shown[:2]
    assert canaries.found_in(*shown) == []
    calls = min(world.remote.calls, CALLS_LIMIT)
    kinds = cycle(OF_AWS.values())
    for number in range(1, calls + 1):
        world.remote.arm(number, next(kinds))
        _, shown = job(name)
        assert canaries.found_in(*shown) == [], f"call {number}"
    world.remote.arm(0, OF_AWS["refused"])
    for world.status in (401, 500):
        _, shown = job(name)
        assert canaries.found_in(*shown) == [], f"status {world.status}"


@pytest.mark.parametrize("name", canaries.ENVIRONMENT)
@pytest.mark.parametrize("command", ["status", "preview", "report", "whoami"])
def test_malformed_secret_is_refused_by_the_name_of_its_variable(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    job: Callable[[str], Shown],
    command: str,
    name: str,
) -> None:
    """A library would quote it in an error about its header."""
    monkeypatch.setenv(name, f"{canaries.ENVIRONMENT[name]}\n")
    code, shown = job(command)
    assert code == 3
    assert name in str(shown)
    assert canaries.found_in(*shown) == []
    assert world.bodies == []


@pytest.mark.parametrize("error", OF_GITHUB.values(), ids=OF_GITHUB)
@pytest.mark.parametrize("name", ["drift", "preview"])
def test_error_of_github_shows_no_secret(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    job: Callable[[str], Shown],
    name: str,
    error: Exception,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("github.Requester.Requester.requestJsonAndCheck", fail)
    world.remote.arm(0, OF_AWS["refused"])
    code, shown = job(name)
    assert code != 0
    assert canaries.found_in(*shown) == []


# ---- The search itself ----------------------------------------------------------------------


@pytest.mark.parametrize("name", CANARIES)
def test_search_finds_every_form(name: str) -> None:
    value = CANARIES[name]
    cause = ValueError(value)
    error = RuntimeError("x")
    error.__cause__ = cause
    encoded = [base64.b64encode(b"a" * n + value.encode() + b"z").decode() for n in range(3)]
    for shown in (
        value, f"x{value}y", value.encode(), {"a": [value]}, error, quote(value, safe=""),
        json.dumps(value), *encoded,
    ):  # fmt: skip
        assert name in canaries.found_in("before", shown)
    assert canaries.found_in("nothing", RuntimeError("x")) == []
