"""CodeConnections: connections to a Git host, available as soon as they are created.

On AWS a connection is PENDING until a person completes the handshake in the console.
"""

import uuid
from typing import Any

from local.aws.ministack.scope import ACCOUNT, REGION
from local.aws.ministack.shapes import Protocol, Response, ServiceError


class Connections:
    """The connections of the account, and the API that manages them."""

    def __init__(self) -> None:
        self._protocols = {
            "codeconnections": Protocol("codeconnections"),
            "codestar-connections": Protocol("codestar-connections"),
        }
        self._connections: dict[str, dict[str, Any]] = {}

    async def handle(
        self, _method: str, _path: str, headers: Any, body: bytes, _query: Any
    ) -> Response:
        """Answer one request, in the shape of ministack's service handlers."""
        target = headers.get("x-amz-target", "")
        service = "codestar-connections" if "codestar" in target else "codeconnections"
        protocol, operation = self._protocols[service], target.rsplit(".", 1)[-1]
        try:
            request = protocol.parse(operation, body)
            return protocol.answer(operation, self._perform(service, operation, request))
        except ServiceError as error:
            return protocol.refuse(error)

    def create(self, service: str, request: dict[str, Any]) -> str:
        """Create a connection, and return its ARN."""
        arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:connection/{uuid.uuid4()}"
        self._connections[arn] = {
            "ConnectionName": request["ConnectionName"],
            "ConnectionArn": arn,
            "ProviderType": request.get("ProviderType", "GitHub"),
            "OwnerAccountId": ACCOUNT,
            "ConnectionStatus": "AVAILABLE",
        }
        return arn

    def delete(self, arn: str) -> None:
        """Delete a connection. A missing one is no error."""
        self._connections.pop(arn, None)

    def usable(self, arn: str) -> bool:
        """Return whether a source action can read through the connection."""
        found = self._connections.get(arn)
        return found is not None and found["ConnectionStatus"] == "AVAILABLE"

    def set_status(self, arn: str, status: str) -> None:
        """Set the status of a connection: PENDING, AVAILABLE or ERROR. Raises KeyError."""
        self._connections[arn]["ConnectionStatus"] = status

    def _perform(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "CreateConnection":
            return {"ConnectionArn": self.create(service, request)}
        if operation == "ListConnections":
            return {"Connections": list(self._connections.values())}
        if operation == "GetConnection":
            return {"Connection": self._get(request["ConnectionArn"])}
        if operation == "DeleteConnection":
            self._get(request["ConnectionArn"])
            self.delete(request["ConnectionArn"])
            return {}
        raise ServiceError("UnsupportedOperationException", f"{operation} is not emulated")

    def _get(self, arn: str) -> dict[str, Any]:
        if arn not in self._connections:
            raise ServiceError("ResourceNotFoundException", f"Connection {arn} not found")
        return self._connections[arn]
