"""OIDC federation in STS: checks a token's signature and provider, and provides its claims.

ministack evaluates trust policies, but it accepts any token as genuine, and it knows only the
claims aud, sub and amr.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from ministack.services import iam, sts

from local.aws.ministack.scope import ACCOUNT

# Claims of GitHub's tokens that are condition keys.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
CLAIMS = (
    "actor",
    "actor_id",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "workflow",
)
# The bytes before the digest in a signature: RFC 8017, section 9.2.
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")

Answer = tuple[int, dict[str, str], bytes | str]


class TokenError(Exception):
    """An invalid token. `code` is STS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WebIdentity:
    """The issuers with known keys, and the checks of STS."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, tuple[int, int]]] = {}

    def trust_keys(self, issuer: str, keys: Sequence[dict[str, str]]) -> None:
        """Set the RSA keys of an issuer, given as a JSON Web Key Set."""
        self._keys[issuer] = {key["kid"]: (_number(key["n"]), _number(key["e"])) for key in keys}

    def claims(self, token: str, *, at: float) -> dict[str, Any]:
        """Return the claims of a genuine token, at a time in seconds since the epoch. Raises
        TokenError."""
        try:
            head, said, signature = token.split(".")
            header, claims = json.loads(_bytes(head)), json.loads(_bytes(said))
            signed, issuer = f"{head}.{said}".encode(), claims["iss"]
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise TokenError("InvalidIdentityToken", "The token is not a JWT") from error
        self._check_provider(issuer, claims.get("aud"))
        key = self._keys.get(issuer, {}).get(header.get("kid"))
        if key is None or header.get("alg") != "RS256":
            raise TokenError(
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider",
            )
        if not _genuine(signed, _bytes(signature), *key):
            raise TokenError("InvalidIdentityToken", "Invalid signature")
        if claims.get("exp", 0) <= at:
            raise TokenError("ExpiredTokenException", f"Token expired: {claims.get('exp')}")
        return dict(claims)

    def _check_provider(self, issuer: str, audience: Any) -> None:
        host = issuer.split("://", 1)[-1].rstrip("/")
        provider = iam._oidc_providers.get(f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")
        if provider is None:
            raise TokenError(
                "InvalidIdentityToken",
                f"No OpenIDConnect provider found in your account for {issuer}",
            )
        if audience not in provider["ClientIDList"]:
            raise TokenError("InvalidIdentityToken", "Incorrect token audience")

    def refusing(self, original: Callable[..., Answer | None]) -> Callable[..., Answer | None]:
        """Wrap ministack's evaluation of a trust policy so that it sees genuine tokens only."""

        def refuse(role_arn: str, params: dict[str, Any], use_json: bool) -> Answer | None:
            try:
                self.claims(sts._p(params, "WebIdentityToken"), at=time.time())
            except TokenError as error:
                answer: Answer = sts._error(400, error.code, str(error), ns="sts")
                return answer
            return original(role_arn, params, use_json)

        return refuse


def with_claims(original: Callable[..., Any]) -> Callable[..., Any]:
    """Provide GitHub's own claims as condition keys."""

    def principal(token: str, provider_id: str, role_arn: str) -> tuple[str, dict[str, Any]]:
        named, keys = original(token, provider_id, role_arn)
        claims = json.loads(_bytes(token.split(".")[1]))
        host = named.rsplit("/", 1)[-1]
        more = {f"{host}:{name}": claims[name] for name in CLAIMS if name in claims}
        return named, keys | more

    return principal


def _genuine(signed: bytes, signature: bytes, modulus: int, exponent: int) -> bool:
    """Return whether the key made a signature by RSASSA-PKCS1-v1_5 with SHA-256."""
    length = (modulus.bit_length() + 7) // 8
    found = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(length, "big")
    digest = SHA256 + hashlib.sha256(signed).digest()
    return found == b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
