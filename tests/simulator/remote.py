"""Remote calls of the simulation, each of which may fail in each way in which a call can fail."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.simulator.scheduler import Scheduler

FAULTS = (
    "before", "server error", "lost", "retried", "late", "throttled", "death before", "death after",
    "slow",
)  # fmt: skip
"""What may happen to a call:

- `before`, `server error`, `throttled`: it fails without an effect; half of the throttled writes of
  a document get the 409 that S3 answers to writes at the same time
- `lost`: it has its effect, and its answer is lost
- `retried`: the same, and the SDK makes the call again
- `late`: it times out, and has its effect some time after that
- `death before`, `death after`: the process of the caller ends without or with the effect
- `slow`: others go first
"""
URL = "https://service.eu-west-1.amazonaws.com"
THROTTLED = {"s3": "SlowDown", "dynamodb": "ProvisionedThroughputExceededException"}


class Death(BaseException):
    """The end of a process."""


def client_error(code: str, operation: str, status: int = 400) -> ClientError:
    """Return the error that botocore raises for an answer with this code."""
    error = {"Code": code, "Message": "made up by the simulator"}
    return ClientError(
        {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


@dataclass
class Faults:
    """Decides the fate of each remote call. `rate` is the share of calls with a fault.

    `contexts` says for each actor what it does now, and `writer` is the context of the call that
    has its effect now, also if that is late.
    """

    rng: random.Random
    scheduler: Scheduler
    rate: float
    kinds: tuple[str, ...] = FAULTS
    calls: int = 0
    contexts: dict[str, Any] = field(default_factory=dict)
    writer: Any = None
    count: Counter[str] = field(default_factory=Counter)
    trace: Callable[[str], None] = lambda _: None

    def stop(self) -> None:
        """Let each later call succeed."""
        self.rate = 0.0

    def call(self, service: str, operation: str, act: Callable[[], Any]) -> Any:
        """Make a remote call, whose result and errors are those of `act`, unless it fails."""
        self.calls += 1
        context = self.contexts.get(self.scheduler.actor)

        def effect() -> Any:
            self.writer = context
            return act()

        kind = ""
        if self.kinds and self.rng.random() < self.rate:
            kind = self.rng.choice(self.kinds)
            self.count[kind] += 1
            self.trace(f"{self.scheduler.actor}: {service} {operation}: {kind}")
        self.scheduler.pause(self.rng.random() * (60 if kind == "slow" else 0.1))
        match kind:
            case "before":
                raise EndpointConnectionError(endpoint_url=URL)
            case "server error":
                raise client_error("InternalServerError", operation, 500)
            case "throttled":
                if operation == "put_object" and self.calls % 2:
                    raise client_error("ConditionalRequestConflict", operation, 409)
                raise client_error(THROTTLED.get(service, "ThrottlingException"), operation)
            case "death before":
                raise Death
            case "late":
                self.scheduler.later(self.rng.random() * 30, lambda: _ignored(effect))
                raise ReadTimeoutError(endpoint_url=URL)
            case "retried":
                _ignored(effect)
                self.scheduler.pause(self.rng.random())
                return effect()
        result = effect()
        if kind == "death after":
            raise Death
        if kind == "lost":
            raise ReadTimeoutError(endpoint_url=URL)
        return result


def _ignored(effect: Callable[[], Any]) -> None:
    with contextlib.suppress(ClientError):
        effect()


class Network(Protocol):
    """What stands between a client and a service."""

    def call(self, service: str, operation: str, act: Callable[[], Any]) -> Any:
        """Make a remote call, whose result and errors are those of `act`, unless it fails."""


class Remote:
    """A client whose operations are remote calls. It has no operation that `target` lacks."""

    def __init__(self, service: str, target: Any, faults: Network) -> None:
        self._service, self._target, self._faults = service, target, faults
        self.exceptions = getattr(target, "exceptions", None)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        act = getattr(self._target, operation)

        def call(**parameters: Any) -> Any:
            return self._faults.call(self._service, operation, lambda: act(**parameters))

        setattr(self, operation, call)
        return call

    def get_paginator(self, operation: str) -> "Pages":
        """Return the paginator of an operation; each page is a call."""
        return Pages(getattr(self, operation))


class Pages:
    """A paginator, as DynamoDB's `query` has it."""

    def __init__(self, operation: Callable[..., Any]) -> None:
        self._operation = operation

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of an answer."""
        if size := parameters.pop("PaginationConfig", {}).get("PageSize"):
            parameters["Limit"] = size
        while True:
            page = self._operation(**parameters)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]
