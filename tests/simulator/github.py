"""GitHub, which accepts dispatches, and the receiver that knows a document version again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.errors import RemoteCallError
from tests.simulator.remote import Faults


@dataclass
class GitHub:
    """The payloads that were accepted, by the document version that each one announces."""

    faults: Faults
    accepted: dict[str, set[str]] = field(default_factory=dict)
    dispatches: int = 0

    def send(self, payload: Mapping[str, Any]) -> None:
        """Accept a dispatch, unless the call fails."""
        try:
            self.faults.call("github", "dispatch", lambda: self._accept(payload))
        except (BotoCoreError, ClientError) as error:
            raise RemoteCallError("GitHub", str(error), "It is sent again.") from error

    def _accept(self, payload: Mapping[str, Any]) -> None:
        self.dispatches += 1
        self.accepted.setdefault(payload["document_version"], set()).update(payload["releases"])

    @property
    def told(self) -> list[str]:
        """The releases that were announced, once for each document version."""
        return [each for releases in self.accepted.values() for each in sorted(releases)]
