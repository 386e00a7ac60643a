"""The website of a local system, as visitors get it."""

import json
from typing import Any

import urllib3

from local.system import System
from local.waiting import PATIENCE


def get(system: System, path: str) -> tuple[int, str, str]:
    """Request a page, and return its status, its text and its X-Cache header."""
    url = f"{system.edge_url}{path}"
    answer = urllib3.request("GET", url, retries=False, timeout=PATIENCE)
    return answer.status, answer.data.decode(), answer.headers.get("X-Cache", "")


def manifest(system: System) -> dict[str, Any]:
    """Return the manifest that the website serves, or {} before the first publication."""
    status, text, _ = get(system, "/phaseline.json")
    served: dict[str, Any] = json.loads(text) if status == 200 else {}
    return served


def versions(system: System, type_: str) -> dict[str, str]:
    """Return the active versions of a type that the website shows."""
    documents = manifest(system).get("documents", {})
    served: dict[str, str] = documents.get(type_, {}).get("versions", {})
    return served
