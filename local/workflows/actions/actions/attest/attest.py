"""Stores an attestation of files: their digests, and who built them.

The statement is the one that is signed on GitHub (https://slsa.dev/spec/v1.1/provenance); here,
nobody signs it. The job needs an identity all the same, with which a signature would be made.
"""

import base64
import glob
import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path

PATIENCE = float(os.environ["ACT_PATIENCE"])
STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"


def ask(url: str, token: str, body: object = None) -> dict[str, object]:
    """Send a request with a token; the answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "attest"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        found: dict[str, object] = json.load(answer)
    return found


def claims() -> dict[str, str]:
    """The claims of the job's identity. Raises KeyError where the job has none."""
    url = f"{os.environ['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=sigstore"
    token = str(ask(url, os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])["value"])
    payload = token.split(".")[1]
    found: dict[str, str] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


def subjects() -> list[dict[str, object]]:
    """The name and digest of each file."""
    patterns = os.environ["INPUT_PATH"].replace(",", "\n").split("\n")
    paths = sorted(Path(path) for one in patterns for path in glob.glob(one.strip()))  # noqa: PTH207
    return [
        {"name": path.name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}
        for path in paths
    ]


def main() -> int:
    """Make the statement and store it."""
    found = subjects()
    if not found:
        print(f"::error::Could not find subject at path {os.environ['INPUT_PATH']}")
        return 1
    try:
        identity = claims()
    except KeyError:
        print("::error::The job has no OIDC token; it needs the permission id-token: write")
        return 1
    builder = {key: identity[key] for key in ("repository", "ref", "sha", "job_workflow_ref")}
    statement = {
        "_type": STATEMENT,
        "subject": found,
        "predicateType": PROVENANCE,
        "predicate": {"buildDefinition": {"externalParameters": {"workflow": builder}}},
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {},
        "dsseEnvelope": {"payload": payload, "payloadType": "application/vnd.in-toto+json"},
    }
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/attestations"
    answer = ask(url, os.environ["INPUT_TOKEN"], {"bundle": bundle})
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"attestation-id={answer['id']}\n")
    print(f"Attested {len(found)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
