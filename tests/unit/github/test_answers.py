"""What an answer of GitHub means, by the forms that GitHub sends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline.github.answers import DEFAULT_WAIT, MESSAGE_LIMIT, Kind, read

NOW = 1_795_716_000.0
DOCS = "https://docs.github.com/rest"
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    " If you reach out to GitHub Support for help, please include the request ID 1A2B:3C4D."
)
CONTENT = (
    "You have exceeded a secondary rate limit and have been temporarily blocked from content"
    " creation. Please retry your request again later."
)
ABUSE = (
    "You have triggered an abuse detection mechanism. Please wait a few minutes before you try"
    " again."
)
PRIMARY = "API rate limit exceeded for installation ID 12345678."
INTEGRATION = "Resource not accessible by integration"
PAT = "Resource not accessible by personal access token"
SSO = "Resource protected by organization SAML enforcement. You must grant your OAuth token access"
ARCHIVED = "Repository was archived so is read-only."
IP = "Although you appear to have the correct authorization credentials, the `acme` organization"
AGENT = "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
LOGINS = "Maximum number of login attempts exceeded. Please try again later."
QUICKLY = {
    "message": "Validation Failed",
    "errors": [
        {
            "resource": "IssueComment",
            "code": "unprocessable",
            "message": "was submitted too quickly",
        }
    ],
}
LEFT = {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": str(int(NOW) + 1800)}
NONE_LEFT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 1800)}


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind", "wait"),
    [
        # A secondary rate limit, with and without a header that says for how long.
        (403, LEFT | {"Retry-After": "60"}, SECONDARY, Kind.THROTTLED, 60),
        (429, LEFT | {"retry-after": "60"}, SECONDARY, Kind.THROTTLED, 60),
        (403, LEFT, SECONDARY, Kind.THROTTLED, DEFAULT_WAIT),
        (403, LEFT, CONTENT, Kind.THROTTLED, DEFAULT_WAIT),
        (403, LEFT, ABUSE, Kind.THROTTLED, DEFAULT_WAIT),
        (403, {"Retry-After": "7"}, "", Kind.THROTTLED, 7),
        (429, {}, "Too many requests", Kind.THROTTLED, DEFAULT_WAIT),
        (429, {"Retry-After": "Thu, 26 Nov 2026 18:01:00 GMT"}, "", Kind.THROTTLED, 60),
        (429, {"Retry-After": "Thu, 26 Nov 2020 18:01:00 GMT"}, "", Kind.THROTTLED, 0),
        (429, {"Retry-After": "soon"}, "", Kind.THROTTLED, DEFAULT_WAIT),
        (429, {"Retry-After": "-5"}, "", Kind.THROTTLED, DEFAULT_WAIT),
        # A primary rate limit: the header says when it is reset, on the whole second.
        (403, NONE_LEFT, PRIMARY, Kind.THROTTLED, 1801),
        (429, NONE_LEFT, PRIMARY, Kind.THROTTLED, 1801),
        (403, NONE_LEFT, "", Kind.THROTTLED, 1801),
        (403, {}, PRIMARY, Kind.THROTTLED, DEFAULT_WAIT),
        # Too many invalid tokens from one address, and content that comes too fast.
        (403, {}, LOGINS, Kind.THROTTLED, DEFAULT_WAIT),
        (422, LEFT, QUICKLY, Kind.THROTTLED, DEFAULT_WAIT),
        # Permissions.
        (403, LEFT, INTEGRATION, Kind.PERMISSION, 0),
        (403, LEFT, PAT, Kind.PERMISSION, 0),
        (403, LEFT, ARCHIVED, Kind.PERMISSION, 0),
        (403, LEFT, IP, Kind.PERMISSION, 0),
        (403, {}, AGENT, Kind.PERMISSION, 0),
        (403, LEFT | {"X-GitHub-SSO": "required; url=https://x"}, SSO, Kind.PERMISSION, 0),
        (401, {}, "Bad credentials", Kind.UNAUTHORIZED, 0),
        (401, {}, "Requires authentication", Kind.UNAUTHORIZED, 0),
        (404, LEFT, "Not Found", Kind.UNSEEN, 0),
        # Requests that are wrong in themselves, of which nothing more is known.
        (422, LEFT, "Invalid request. No subschema in oneOf matched.", Kind.REFUSED, 0),
        (422, LEFT, {"message": "Validation Failed", "errors": ["x"]}, Kind.REFUSED, 0),
        (400, {}, "Problems parsing JSON", Kind.REFUSED, 0),
        (409, {}, "Git Repository is empty.", Kind.REFUSED, 0),
        (410, {}, "Issues are disabled for this repo", Kind.REFUSED, 0),
        (451, {}, "Repository access blocked", Kind.REFUSED, 0),
        # The rest.
        (301, {"Location": "https://api.github.com/repositories/1"}, "", Kind.MOVED, 0),
        (307, {}, "Moved Permanently", Kind.MOVED, 0),
        (204, NONE_LEFT, "", Kind.ACCEPTED, 0),
        (201, {}, "", Kind.ACCEPTED, 0),
        (408, {}, "", Kind.FAILED, 0),
        (500, {}, "", Kind.FAILED, 0),
        (502, {}, "Server Error", Kind.FAILED, 0),
        (503, {"Retry-After": "9"}, "Service unavailable", Kind.FAILED, 0),
    ],
)
def test_status_headers_and_message_decide_together(
    status: int, headers: dict[str, str], message: Any, kind: Kind, wait: float
) -> None:
    content = message if isinstance(message, dict) else {"message": message}
    body = json.dumps(content | {"documentation_url": DOCS, "status": str(status)})
    found = read(status, headers, body, NOW)
    assert found.kind is kind
    assert found.wait == wait
    assert str(status) in str(found)


def test_answer_tells_what_github_said() -> None:
    assert str(read(422, {}, json.dumps(QUICKLY), NOW)) == (
        "422: Validation Failed; was submitted too quickly (a rate limit, for 60 seconds)"
    )
    unseen = read(404, {}, b'{"message": "Not Found"}', NOW)
    assert str(unseen) == "404: Not Found (it does not exist, or the token may not see it)"


def test_headers_tell_the_permission_that_is_missing() -> None:
    headers = {"X-Accepted-GitHub-Permissions": "contents=write"}
    assert "it needs contents=write" in str(read(403, headers, b"", NOW))
    headers = {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?token=canary"}
    found = str(read(403, headers, json.dumps({"message": SSO}), NOW))
    assert "authorized for its SSO" in found
    assert "canary" not in found


@pytest.mark.parametrize(
    "body", [b"", b"<html>rate limit</html>", b"[1]", b'"x"', b"\xff", b"null", b'{"message": 5}']
)
def test_body_that_is_no_message_of_github_tells_nothing(body: bytes) -> None:
    """It is not quoted: a proxy may have answered."""
    found = read(403, {}, body, NOW)
    assert (found.kind, found.message) == (Kind.PERMISSION, "")


def test_long_message_is_cut_and_on_one_line() -> None:
    found = read(422, {}, json.dumps({"message": "a\r\n::error::" + "x" * 9_999}), NOW)
    assert len(found.message) == MESSAGE_LIMIT
    assert found.message.startswith("a ::error::x")


texts = st.text(max_size=20)


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset"]),
        texts | st.sampled_from(["0", "60", "1e3", "\u0663", "Thu, 99 Nov 2026 18:01:00 GMT"]),
    ),
    st.binary(max_size=40) | st.dictionaries(texts, texts | st.none()).map(json.dumps),
)
def test_any_answer_has_a_meaning_and_a_wait(
    status: int, headers: dict[str, str], body: bytes | str
) -> None:
    found = read(status, headers, body, NOW)
    assert found.wait >= 0
    assert (found.wait == 0) or found.kind is Kind.THROTTLED
