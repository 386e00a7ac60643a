"""Requests and answers of a JSON service, checked against botocore's model of the service.

AWS ignores an unknown member. Here it is refused, so that a local run finds a misspelled one.
"""

import datetime
import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

Response = tuple[int, dict[str, str], bytes]


class ServiceError(Exception):
    """An error in an answer of the service."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Protocol:
    """The operations of a service, as botocore describes them."""

    def __init__(self, service: str) -> None:
        self.service = botocore.session.get_session().get_service_model(service)
        version = self.service.metadata["jsonVersion"]
        self._headers = {"Content-Type": f"application/x-amz-json-{version}"}

    def parse(self, operation: str, body: bytes) -> dict[str, Any]:
        """Return the parameters of a request. Raises ServiceError if they are invalid."""
        if operation not in self.service.operation_names:
            raise ServiceError("UnknownOperationException", f"Unknown operation {operation}")
        try:
            parameters: dict[str, Any] = json.loads(body or b"{}")
        except ValueError as error:
            raise ServiceError("SerializationException", "The request is not JSON") from error
        check(parameters, self.service.operation_model(operation).input_shape)
        return parameters

    def answer(self, operation: str, output: dict[str, Any]) -> Response:
        """Return the answer to send. Raises ValueError for an output that is not in the model."""
        shape = self.service.operation_model(operation).output_shape
        if shape is None:
            return 200, dict(self._headers), b"{}" if not output else _encode(output)
        report = ParamValidator().validate(output, shape)
        if report.has_errors():
            raise ValueError(f"{operation} answers outside its model: {report.generate_report()}")
        return 200, dict(self._headers), _encode(output)

    def refuse(self, error: ServiceError) -> Response:
        """Return the answer for an error, in the form of the service."""
        body = {"__type": error.code, "message": error.message}
        return error.status, dict(self._headers), _encode(body)


def check(parameters: Any, shape: Shape | None) -> None:
    """Raise ServiceError("ValidationException") if the parameters do not match the shape."""
    if shape is None:
        return
    report = ParamValidator().validate(parameters, shape)
    faults = [report.generate_report()] if report.has_errors() else list(_faults(parameters, shape))
    if faults:
        count = len(faults)
        noun = "error" if count == 1 else "errors"
        raise ServiceError(
            "ValidationException", f"{count} validation {noun} detected: {'; '.join(faults)}"
        )


def _faults(value: Any, shape: Shape, path: str = "input") -> Iterator[str]:
    """Yield violations that botocore does not check: lengths, patterns and enumerations."""
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            yield from _faults(member, shape.members[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        yield from _out_of_bounds(len(value), shape, path)
        for index, item in enumerate(value):
            yield from _faults(item, shape.member, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        yield from _out_of_bounds(len(value), shape, path)
        for key, item in value.items():
            yield from _faults(key, shape.key, f"{path} key {key!r}")
            yield from _faults(item, shape.value, f"{path}.{key}")
    elif isinstance(shape, StringShape):
        yield from _out_of_bounds(len(value), shape, path)
        if shape.enum and value not in shape.enum:
            yield f"{path} must be one of {', '.join(shape.enum)}"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(f"^(?:{pattern})$", value, re.DOTALL):
            yield f"{path} must satisfy the pattern {pattern}"
    elif shape.type_name == "integer":
        yield from _out_of_bounds(value, shape, path)


def _out_of_bounds(size: int, shape: Shape, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path} must be at least {least}"
    if most is not None and size > most:
        yield f"{path} must be at most {most}"


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=_timestamp).encode()


def _timestamp(value: object) -> float:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} is not a JSON value")
