"""The proxy's faults are what clients see of real ones."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from werkzeug.wrappers import Request, Response

from local.serving import Server, serve
from tests.chaos import fates, proxy
from tests.chaos.fates import Fates
from tests.chaos.refusals import CONFLICT, REFUSALS, Refusal

CALLS: dict[str, Callable[[Any], Any]] = {
    "s3": lambda client: client.get_object(Bucket="b", Key="k"),
    "dynamodb": lambda client: client.get_item(TableName="t", Key={"pk": {"S": "k"}}),
    "codepipeline": lambda client: client.get_pipeline_state(name="p"),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="s"),
    "ssm": lambda client: client.get_parameter(Name="p"),
    "cloudfront": lambda client: client.get_invalidation(DistributionId="d", Id="i"),
    "cloudformation": lambda client: client.describe_stacks(StackName="s"),
    "sts": lambda client: client.get_caller_identity(),
}
Kind = Callable[[str], None]


@pytest.fixture
def received() -> list[str]:
    """The requests that had their effect."""
    return []


@pytest.fixture
def upstream(received: list[str]) -> Iterator[Server]:
    """A service that answers each request with an empty document."""

    @Request.application
    def answer(request: Request) -> Response:
        received.append(request.method)
        return Response("<Answer/>", mimetype="application/xml")

    server = serve(answer)
    yield server
    server.stop()


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Let each call have a fault of one kind."""

    def only(name: str) -> None:
        monkeypatch.setattr(fates, "WEIGHTS", {name: 1})
        monkeypatch.setattr(fates, "SILENT", {})

    return only


def client(service: str, url: str) -> Any:
    """Return a client that calls once."""
    retries: Any = {"total_max_attempts": 1}
    return boto3.client(service, endpoint_url=url, config=Config(retries=retries))  # type: ignore[call-overload]


@pytest.mark.parametrize("service", CALLS)
def test_refusal_is_the_service_s_own(
    service: str, upstream: Server, received: list[str], kind: Kind
) -> None:
    """Clients read its code and status, and the service got no request."""
    kind("refused")
    with (
        proxy.before({upstream.url: proxy.of_aws}, Fates(1, 1.0)) as addresses,
        pytest.raises(ClientError) as refused,
    ):
        CALLS[service](client(service, addresses[upstream.url]))
    response = refused.value.response
    found = Refusal(response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
    assert found in REFUSALS[service]
    assert not received


def test_conditional_write_may_get_a_conflict(upstream: Server, kind: Kind) -> None:
    """The others get none."""
    kind("refused")
    codes: dict[bool, set[str]] = {True: set(), False: set()}
    with proxy.before({upstream.url: proxy.of_aws}, Fates(1, 1.0)) as addresses:
        s3 = client("s3", addresses[upstream.url])
        for number in range(40):
            condition = {"IfNoneMatch": "*"} if number % 2 else {}
            with pytest.raises(ClientError) as refused:
                s3.put_object(Bucket="b", Key="k", Body=b"", **condition)
            codes[bool(condition)].add(refused.value.response["Error"]["Code"])
    assert CONFLICT.code in codes[True]
    assert CONFLICT.code not in codes[False]


@pytest.mark.parametrize(("name", "effects"), [("reset", 0), ("lost", 1)])
def test_connection_is_reset_before_or_after_the_effect(
    name: str, effects: int, upstream: Server, received: list[str], kind: Kind
) -> None:
    kind(name)
    with (
        proxy.before({upstream.url: proxy.of_aws}, Fates(1, 1.0)) as addresses,
        pytest.raises(ConnectionClosedError),
    ):
        CALLS["dynamodb"](client("dynamodb", addresses[upstream.url]))
    assert len(received) == effects


@pytest.mark.parametrize(("name", "effects"), [("killed before", 0), ("killed after", 1)])
def test_process_that_called_is_killed_before_or_after_the_effect(
    name: str, effects: int, upstream: Server, received: list[str], kind: Kind
) -> None:
    """A second one within a moment only loses its connection."""
    kind(name)
    program = "import sys, urllib.request as r; r.urlopen(sys.argv[1], b'{}')"
    seen = Fates(1, 1.0)
    with proxy.before({upstream.url: proxy.of_slack}, seen) as addresses:
        command = [sys.executable, "-c", program, f"{addresses[upstream.url]}/api/auth.test"]
        ended = [subprocess.run(command, capture_output=True).returncode for _ in range(2)]
    assert ended == [-9, 1]
    assert len(received) == 2 * effects
    assert seen.count[f"killed: {psutil.Process().name()}"] == 1


def test_fate_follows_from_the_seed() -> None:
    """It is that of the operation's call with this number, whatever else is called between."""
    first, second = Fates(7, 0.3), Fates(7, 0.3)
    expected = [first.next("s3", "GET")[0] for _ in range(50)]
    found = []
    rng = random.Random(1)
    for _ in range(50):
        if rng.random() < 0.5:
            second.next("dynamodb", "GetItem")
        found.append(second.next("s3", "GET")[0])
    assert found == expected
    assert 5 < sum(map(bool, expected)) < 25
