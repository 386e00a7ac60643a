"""Exchanges the job's OIDC token for credentials of a role, and exports these to later steps."""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

PATIENCE = float(os.environ["ACT_PATIENCE"])
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


class RefusedError(Exception):
    """The role cannot be assumed, for the reason in the message."""


def identity_token(audience: str) -> str:
    """Return the OIDC token of the job. Raises RefusedError if the job lacks the permission."""
    try:
        url = os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
        bearer = os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    except KeyError as error:
        raise RefusedError(
            "the job has no OIDC token; it needs the permission id-token: write"
        ) from error
    query = urllib.parse.urlencode({"audience": audience})
    headers = {"Authorization": f"Bearer {bearer}"}
    request = urllib.request.Request(f"{url}&{query}", headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        return str(json.load(answer)["value"])


def assume(token: str) -> dict[str, str]:
    """Call AssumeRoleWithWebIdentity, and return the credentials. Raises RefusedError."""
    asked = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": os.environ["INPUT_ROLE"],
        "RoleSessionName": os.environ["INPUT_SESSION"],
        "DurationSeconds": os.environ["INPUT_SECONDS"],
        "WebIdentityToken": token,
    }
    if policy := os.environ["INPUT_POLICY"]:
        asked["Policy"] = policy
    endpoint, body = os.environ["AWS_ENDPOINT_URL"], urllib.parse.urlencode(asked).encode()
    request = urllib.request.Request(endpoint, body)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            found = ET.fromstring(answer.read()).iter()  # noqa: S314 - the emulator's own
    except urllib.error.HTTPError as error:
        message = ET.fromstring(error.read()).find(f".//{NAMESPACE}Message")  # noqa: S314
        raise RefusedError(message.text if message is not None else str(error)) from error
    return {element.tag.removeprefix(NAMESPACE): element.text or "" for element in found}


def main() -> int:
    """Assume the role and export its credentials."""
    account = "".join(os.environ["INPUT_ROLE"].split(":")[4:5])
    allowed = os.environ["INPUT_ACCOUNTS"].replace(",", " ").split() or [account]
    if account not in allowed:
        print(f"::error::The account {account} is not one of {', '.join(allowed)}")
        return 1
    try:
        found = assume(identity_token(os.environ["INPUT_AUDIENCE"]))
    except RefusedError as error:
        print(f"::error::Could not assume role with OIDC: {error}")
        return 1
    exported = {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }
    for value in exported.values():
        print(f"::add-mask::{value}")
    if os.environ["INPUT_MASK_ACCOUNT"] == "true":
        print(f"::add-mask::{account}")
    region = os.environ["INPUT_REGION"]
    exported |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as variables:
        variables.writelines(f"{name}={value}\n" for name, value in exported.items())
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"aws-account-id={account}\n")
    print(f"Assumed {found['Arn']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
