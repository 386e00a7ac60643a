"""The manifest that the website serves."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from phaseline.errors import ConfigurationError, InputError, RemoteCallError
from phaseline.site import manifests
from phaseline.site.manifests import ServedDocument, ServedManifest

BODY: dict[str, Any] = {
    "schema": 1,
    "commit": "c0ffee",
    "execution": "e1",
    "documents": {
        "in": {"version_id": "v0", "revision": 0, "versions": {}},
        "opt": {"version_id": "v7", "revision": 7, "versions": {"a": "1.0.0"}},
        "out": {"version_id": "v0", "revision": 0, "versions": {}},
    },
}


def test_fetched_manifest_is_parsed_and_has_the_digest_of_its_bytes(
    httpserver: HTTPServer,
) -> None:
    data = json.dumps(BODY).encode()
    httpserver.expect_request("/phaseline.json").respond_with_data(data)
    expected = ServedManifest(
        commit="c0ffee",
        execution="e1",
        documents={
            "in": ServedDocument("v0", 0, {}),
            "opt": ServedDocument("v7", 7, {"a": "1.0.0"}),
            "out": ServedDocument("v0", 0, {}),
        },
        digest=hashlib.md5(data, usedforsecurity=False).hexdigest(),
    )
    assert manifests.fetch(httpserver.url_for("/")) == expected


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host", "", "site.example"])
def test_address_of_another_scheme_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http or https"):
        manifests.fetch(url)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_error_status_is_a_failed_call_with_the_status(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/phaseline.json").respond_with_data("no", status=status)
    with pytest.raises(RemoteCallError, match=str(status)):
        manifests.fetch(httpserver.url_for(""))


def test_refused_connection_is_a_failed_call() -> None:
    with pytest.raises(RemoteCallError, match="the request failed"):
        manifests.fetch("http://127.0.0.1:1")


def test_slow_response_is_a_failed_call(httpserver: HTTPServer) -> None:
    """Even if each of its pieces arrives within the timeout."""
    httpserver.expect_request("/phaseline.json").respond_with_handler(_drip)
    ticks = iter(range(0, 1000, 9))
    with pytest.raises(RemoteCallError, match="longer than"):
        manifests.fetch(httpserver.url_for(""), timeout=5.0, clock=lambda: next(ticks))


def _drip(_: Request) -> Response:
    return Response(iter([b"{"] + [b" "] * 5 + [b"}"]))


def test_response_that_is_larger_than_any_manifest_is_refused(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/phaseline.json").respond_with_data(
        b" " * (manifests.SIZE_LIMIT + 9)
    )
    with pytest.raises(RemoteCallError, match="at most"):
        manifests.fetch(httpserver.url_for(""))


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda body: body.pop(name)


@pytest.mark.parametrize(
    "spoil",
    [
        _without("schema"),
        _without("commit"),
        _without("documents"),
        lambda body: body.update(schema=2),
        lambda body: body.update(execution=None),
        lambda body: body["documents"]["opt"].update(revision="7"),
        lambda body: body["documents"]["opt"].update(revision=True),
        lambda body: body["documents"]["opt"].update(revision=-1),
        lambda body: body["documents"]["opt"].update(version_id=""),
        lambda body: body.update(documents=["in", "opt", "out"]),
        lambda body: body.update(execution=""),
        lambda body: body["documents"]["opt"].update(versions=["a"]),
        lambda body: body["documents"]["opt"].update(versions={"a": 1}),
    ],
)
def test_error_of_a_malformed_manifest_names_its_place(
    spoil: Callable[[dict[str, Any]], Any],
) -> None:
    body = json.loads(json.dumps(BODY))
    spoil(body)
    with pytest.raises(InputError, match="there: expected a manifest"):
        manifests.parse(json.dumps(body).encode(), "there")


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (["opt"], "found no document 'in' and no document 'out'"),
        (["in", "opt"], "found no document 'out'"),
        (["in", "opt", "out", "new"], "found an unknown document 'new'"),
        (["in", "Opt", "out"], "found no document 'opt' and an unknown document 'Opt'"),
        ([], "found no document 'in' and no document 'opt' and no document 'out'"),
    ],
)
def test_manifest_with_other_documents_than_the_pipelines_is_refused_by_their_names(
    types: list[str], found: str
) -> None:
    """A missing document looks like an old one, and would make each build look superseded."""
    body = BODY | {"documents": dict.fromkeys(types, BODY["documents"]["opt"])}
    with pytest.raises(InputError, match=f"there: documents: expected in, opt, out, {found}"):
        manifests.parse(json.dumps(body).encode(), "there")


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"\xff\xfe"])
def test_response_that_is_no_manifest_is_refused(data: bytes) -> None:
    """Such as an error page."""
    with pytest.raises(InputError):
        manifests.parse(data, "there")


def test_file_with_any_key_is_fetched_as_visitors_get_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/blog/a b%.html").respond_with_data(b"page")

    found = manifests.fetch_file(httpserver.url_for("/"), "blog/a b%.html")

    assert found.digest == hashlib.md5(b"page", usedforsecurity=False).hexdigest()


def test_missing_file_is_a_failed_call(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/index.html").respond_with_data("no", status=404)
    with pytest.raises(RemoteCallError, match="404"):
        manifests.fetch_file(httpserver.url_for(""), "index.html")
