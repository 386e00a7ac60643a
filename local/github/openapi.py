"""Checks requests against GitHub's OpenAPI description.

openapi.json is the used part of https://github.com/octokit/openapi.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from flask import Request, Response, jsonify


@dataclass(frozen=True)
class RefusedError(Exception):
    """A refused request, with the HTTP status and GitHub's message."""

    status: int
    message: str
    documentation: str = "https://docs.github.com/rest"

    def answer(self) -> tuple[Response, int]:
        """Return the refusal in GitHub's form."""
        body = {
            "message": self.message,
            "documentation_url": self.documentation,
            "status": str(self.status),
        }
        return jsonify(body), self.status


@cache
def paths() -> dict[str, dict[str, Any]]:
    """Return the operations by path and method."""
    text = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
    described: dict[str, dict[str, Any]] = json.loads(text)["paths"]
    return described


def check(path: str, request: Request) -> Any:
    """Return the body of a request, if it and the query match the operation. A file is bytes.

    Raises RefusedError.

    `path` has the form of the description: `/repos/{owner}/{repo}/issues`.
    """
    operation = paths()[path][request.method.lower()]
    documentation = operation["externalDocs"]["url"]
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if name in request.args:
            value = _read(request.args[name], parameter["schema"])
            _fits(value, parameter["schema"], name, documentation)
    if "requestBody" not in operation:
        return {}
    declared = operation["requestBody"]
    data = request.get_data()
    if "application/json" not in declared["content"]:
        return data
    if not data and not declared["required"]:
        return {}
    try:
        body = json.loads(data)
    except ValueError as error:
        raise RefusedError(400, "Problems parsing JSON", documentation) from error
    _fits(body, declared["content"]["application/json"]["schema"], "body", documentation)
    return body


def _read(text: str, schema: dict[str, Any]) -> Any:
    """Return the value of a query parameter in the described type."""
    if schema.get("type") == "integer" and text.lstrip("-").isdigit():
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _fits(value: Any, schema: dict[str, Any], place: str, documentation: str) -> None:
    validator = jsonschema.Draft7Validator(_plain(schema))
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    if errors:
        where = "/".join(str(part) for part in errors[0].path) or place
        text = f"Invalid request.\n\n{where}: {errors[0].message[:200]}"
        raise RefusedError(422, text, documentation)


def _plain(schema: Any) -> Any:
    """Replace `nullable` of OpenAPI 3.0 by the form of JSON Schema."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(item) for name, item in schema.items() if name != "nullable"}
    if schema.get("nullable") is True:
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
        if isinstance(plain.get("type"), str):
            plain["type"] = [plain["type"], "null"]
    return plain
