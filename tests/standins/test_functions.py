"""The functions of the website's distribution, run as the local CDN runs them."""

import io

import boto3
import pytest

from local.cdn.functions import FunctionError, Functions, Redirected
from tests import templates
from tests.builders.calls import Calls

RESOURCES = {"viewer-request": "FindPage", "viewer-response": "LeadOn"}


def code(resource: str) -> str:
    """The code of a function in infra/site.yaml."""
    found = templates.load("site")["Resources"][resource]["Properties"]["FunctionCode"]
    return str(found)


@pytest.fixture(scope="module")
def functions() -> Functions:
    """The website's functions."""
    return Functions({event: code(name) for event, name in RESOURCES.items()})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/", "/index.html"),
        ("/blog/", "/blog/index.html"),
        ("/blog/2026/", "/blog/2026/index.html"),
        ("/blog", "/blog"),
        ("/about.html", "/about.html"),
        ("/style.css", "/style.css"),
        ("/gr%C3%B6%C3%9Fe/", "/gr%C3%B6%C3%9Fe/index.html"),
        ("/c++/a+b.html", "/c%2B%2B/a%2Bb.html"),
        ("/a%20b", "/a%20b"),
        ("/100%", "/100%"),
    ],
)
def test_a_folder_is_its_index_page(functions: Functions, asked: str, found: str) -> None:
    """Any other address stays, in its spelling; a plus is a plus."""
    assert functions.request("GET", asked, {"host": "example.com"}) == found


def test_a_place_is_a_redirect(functions: Functions) -> None:
    """The object of a folder leads to its page; its metadata are not shown."""
    kept = [("Content-Type", "text/html"), ("x-amz-meta-location", "/gr%C3%B6%C3%9Fe/")]
    status, headers = functions.response("GET", "/gr%C3%B6%C3%9Fe", 200, kept)
    assert status == 302
    assert dict(headers) == {"Content-Type": "text/html", "Location": "/gr%C3%B6%C3%9Fe/"}


def test_other_answers_leave_as_they_are(functions: Functions) -> None:
    """Also an error, for which CloudFront runs no function."""
    kept = (("Content-Type", "text/html"), ("Etag", '"1"'))
    assert functions.response("GET", "/", 200, kept) == (200, kept)
    assert functions.response("GET", "/", 404, kept) == (404, kept)


def test_a_function_may_answer_itself() -> None:
    """An object with a status is an answer, and no request."""
    made = Functions(
        {
            "viewer-request": "function handler(event) { return {statusCode: 410,"
            " headers: {a: {value: event.request.method}}, body: 'gone'}; }"
        }
    )
    assert made.request("HEAD", "/", {}) == Redirected(410, (("A", "HEAD"),), "gone")


@pytest.mark.parametrize(
    "text",
    [
        "function handler(event) { throw new Error('no'); }",
        "function handler(event) { return undefined; }",
        "function handler(event) { return 'text'; }",
        "function handler(event) { for (;;) {} }",
        "import crypto from 'crypto';",
        "no code",
    ],
)
def test_a_function_that_fails_is_said(text: str) -> None:
    """CloudFront answers 503, and so does the edge."""
    with pytest.raises(FunctionError, match="viewer-request"):
        Functions({"viewer-request": text}).request("GET", "/", {})


def test_the_published_code_is_read() -> None:
    """From the stage LIVE, by the name at the end of the ARN."""
    client = boto3.client("cloudfront")
    calls = Calls(client, GetFunction=lambda _: {"FunctionCode": io.BytesIO(b"code")})
    arn = "arn:aws:cloudfront::111122223333:function/find"
    made = Functions.read(client, [{"EventType": "viewer-request", "FunctionARN": arn}])
    assert made == Functions({"viewer-request": "code"})
    assert calls.of("GetFunction") == [{"Name": "find", "Stage": "LIVE"}]
