"""CloudFront Functions: runs the code of a distribution's functions.

The engine is QuickJS. It runs the language of CloudFront's runtime without its modules, so a
function that imports a module fails.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import quickjs

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

REQUEST, RESPONSE = "viewer-request", "viewer-response"
SECONDS = 1
"""The time limit of a function."""


class FunctionError(Exception):
    """A function failed. The visitor gets a 503."""


@dataclass(frozen=True)
class Redirected:
    """The response of a function, which replaces the origin's."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True)
class Functions:
    """The code of a distribution's functions, by the event that runs them."""

    code: Mapping[str, str]

    @classmethod
    def read(cls, cloudfront: "CloudFrontClient", associations: Iterable[Any]) -> "Functions":
        """Read the published code of the functions that a cache behavior names."""
        code = {}
        for one in associations:
            name = one["FunctionARN"].rpartition("/")[2]
            found = cloudfront.get_function(Name=name, Stage="LIVE")["FunctionCode"].read()
            code[one["EventType"]] = found.decode()
        return cls(code)

    def request(self, method: str, uri: str, headers: Mapping[str, str]) -> str | Redirected:
        """Return the path to request instead of `uri`, or the function's response."""
        if REQUEST not in self.code:
            return uri
        event = _event(REQUEST, method, uri, headers)
        answer = self._run(REQUEST, event)
        if "statusCode" in answer:
            body = answer.get("body", "")
            text = body if isinstance(body, str) else str(body.get("data", ""))
            return Redirected(answer["statusCode"], _pairs(answer.get("headers", {})), text)
        return str(answer["uri"])

    def response(
        self, method: str, uri: str, status: int, headers: Iterable[tuple[str, str]]
    ) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Return the status and headers of a response. No function runs for an error."""
        headers = tuple(headers)
        if RESPONSE not in self.code or status >= 400:
            return status, headers
        event = _event(RESPONSE, method, uri, {})
        event["response"] = {
            "statusCode": status,
            "statusDescription": "",
            "headers": _fields(headers),
            "cookies": {},
        }
        answer = self._run(RESPONSE, event)
        return int(answer["statusCode"]), _pairs(answer["headers"])

    def _run(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        try:
            function = _compiled(self.code[name])
            # With run_gc, each call would also collect the garbage of this whole Python process.
            answer = json.loads(function(json.dumps(event), run_gc=False))
        except (quickjs.JSException, TypeError, ValueError) as error:
            raise FunctionError(f"the function at {name} failed: {error}") from error
        if not isinstance(answer, dict):
            raise FunctionError(f"the function at {name} returned {answer!r}")
        return answer


@functools.lru_cache(maxsize=16)
def _compiled(code: str) -> Any:
    function = quickjs.Function("handle", f"{code}\n{_CALL}")
    function.set_time_limit(SECONDS)
    return function


_CALL = "function handle(event) { return JSON.stringify(handler(JSON.parse(event))); }"


def _event(kind: str, method: str, uri: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": "1.0",
        "context": {"eventType": kind},
        "viewer": {"ip": "127.0.0.1"},
        "request": {
            "method": method,
            "uri": uri,
            "querystring": {},
            "headers": _fields(headers.items()),
            "cookies": {},
        },
    }


def _fields(headers: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Return headers in the form of a function's event, with names in lower case."""
    return {name.lower(): {"value": value} for name, value in headers}


def _pairs(fields: Mapping[str, Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.title(), str(field["value"])) for name, field in fields.items())
