"""Answers in place of AWS, for operations that moto lacks and for faults."""

import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

Answer = Mapping[str, Any] | str | Exception
"""A parsed answer, an error code, or what never arrives: an exception of the connection."""


class Calls:
    """Takes the place of AWS for some operations of one client, and records what is asked.

    An operation's answer is given by a function of its parameters; None lets the call through.
    Parameters are checked against botocore's model before.
    """

    def __init__(self, client: Any, **answers: Callable[[dict[str, Any]], Answer | None]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._present = threading.local()  # calls at the same time have threads of their own
        service = client.meta.service_model.service_id.hyphenize()
        for operation, answer in answers.items():
            self._take(client.meta.events, f"{service}.{operation}", operation, answer)

    def _take(
        self,
        events: Any,
        event: str,
        operation: str,
        answer: Callable[[dict[str, Any]], Answer | None],
    ) -> None:
        def record(params: dict[str, Any], **_: Any) -> None:
            self._present.params = dict(params)
            self.asked.append((operation, self._present.params))

        def reply(**_: Any) -> tuple[Any, Any] | None:
            found = answer(self._present.params)
            if isinstance(found, Exception):
                raise found
            if isinstance(found, str):
                error = {"Code": found, "Message": "made up for a test"}
                return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
            return None if found is None else (SimpleNamespace(status_code=200), dict(found))

        events.register(f"before-parameter-build.{event}", record)
        events.register(f"before-call.{event}", reply)

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each call of an operation."""
        return [params for name, params in self.asked if name == operation]


class JobAnswers(Calls):
    """What a Lambda action answered to CodePipeline."""

    def __init__(self, client: Any, **answers: Callable[[dict[str, Any]], Answer | None]) -> None:
        taken: dict[str, Callable[[dict[str, Any]], Answer | None]] = {
            "PutJobSuccessResult": lambda _: {},
            "PutJobFailureResult": lambda _: {},
        }
        super().__init__(client, **(taken | answers))

    @property
    def successes(self) -> list[dict[str, Any]]:
        return self.of("PutJobSuccessResult")

    @property
    def failures(self) -> list[dict[str, Any]]:
        return self.of("PutJobFailureResult")
