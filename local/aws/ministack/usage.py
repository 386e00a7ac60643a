"""Records the actions that each role was allowed. Tests compare them with its policies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.services import sts

Enforce = Callable[..., Any]


def recording(original: Enforce, file: Path) -> Enforce:
    """Append a line to `file` for each role, action and resource that are allowed for the first
    time."""
    known: set[tuple[str, str, str]] = set()

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        role = _role(access_key_id)
        call = (role, iam_action, resource_arn)
        if denied is None and role and call not in known:
            known.add(call)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(call) + "\n")
        return denied

    return enforce


def _role(access_key: str) -> str:
    """Return the name of the role whose session this is, or nothing."""
    session = sts._sessions.get(access_key) or {}
    arn = str(session.get("Arn", ""))
    return arn.split("/")[1] if ":assumed-role/" in arn else ""
