"""The web application of the board: addresses to pages, behind the guard."""

import hashlib
import re
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException

from phaseline.errors import InputError, RefusedError
from phaseline.history.timeline import seconds
from scripts.board import links, pages, render
from scripts.board.actions import Actions
from scripts.board.guard import HEADERS, Guard, Visit
from scripts.board.links import ServerLinks
from scripts.board.pages import PAGES, Page
from scripts.board.reader import Reader, is_expected
from scripts.cli.options import EXECUTION

RELEASE_ID = re.compile(r"(in|opt|out)-[A-Za-z0-9._-]{3,300}-[0-9a-f]{8}")
FORM_LIMIT = 64 * 1024
"""The most bytes of a form."""
OPENED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Phaseline</title>
<link rel="icon" href="/static/icon.svg"><meta http-equiv="refresh" content="0; url=/">
<p><a href="/">Open the board</a></p></html>"""
"""The answer to the address with the secret. A redirection would not do: if a link on another site
led to the address, the browser would follow it without the new cookie."""


class BoardApp:
    """The application for one reader. `person` is who looks, and acts if `may_act` is True."""

    def __init__(self, reader: Reader, guard: Guard, person: str, *, may_act: bool = False) -> None:
        self.reader, self.guard, self.links = reader, guard, ServerLinks()
        self.actions, self.may_act = Actions(reader.services, person, reader.now), may_act
        self.frame: dict[str, Any] = frame(reader) | {
            "person": person,
            "allow_actions": may_act,
            "csrf": guard.token,
        }
        self.flask = Flask(__name__, static_folder="static", static_url_path="/static")
        self.flask.config["MAX_CONTENT_LENGTH"] = FORM_LIMIT
        self.flask.before_request(self._refuse)
        self.flask.after_request(_protect)
        self.flask.register_error_handler(Exception, self._fail)
        add = self.flask.add_url_rule
        add("/open/<secret>", "open", self._open)
        add("/search", "search", self._search)
        add("/drift", "check-drift", self._check_drift, methods=["POST"])
        add("/act", "act", self._form)
        add("/preview", "preview", self._preview, methods=["POST"])
        add("/carry-out", "carry-out", self._carry_out, methods=["POST"])
        add("/done", "done", self._done)
        for name in PAGES:
            add("/" if name == "overview" else f"/{name}", name, self._page)

    def _refuse(self) -> Response | None:
        """Answer a request that the guard refuses."""
        if request.endpoint == "open":
            return None
        refusal = self.guard.refusal(
            Visit(
                method=request.method,
                host=request.host,
                session=request.cookies.get(self.guard.cookie),
                origin=request.headers.get("Origin"),
                site=request.headers.get("Sec-Fetch-Site"),
                token=request.form.get("csrf") if request.method == "POST" else None,
            )
        )
        return Response(refusal, HTTPStatus.FORBIDDEN, mimetype="text/plain") if refusal else None

    def _open(self, secret: str) -> Response:
        if not self.guard.opens(request.host, secret):
            sentence = "This address has another secret."
            return Response(sentence, HTTPStatus.FORBIDDEN, mimetype="text/plain")
        answer = Response(OPENED, mimetype="text/html")
        answer.set_cookie(self.guard.cookie, self.guard.session, httponly=True, samesite="Strict")
        return answer

    def _page(self) -> Response:
        return self.show(PAGES[str(request.endpoint)](self.reader, request.args))

    def _search(self) -> Any:
        """Lead to what the text names: an execution, a release, or algorithms."""
        text = request.args.get("q", "").strip()
        if EXECUTION.fullmatch(text):
            return redirect(self.links.execution(text))
        if RELEASE_ID.fullmatch(text) and (found := self.reader.services.ledger.find(text)):
            return redirect(self.links.release(found))
        return redirect(self.links.page("overview", q=text))

    def _check_drift(self) -> Any:
        if not self.reader.drift.is_running:
            self.reader.drift.expire()
            self.reader.drift.get(patience=0)
        return redirect("/drift", HTTPStatus.SEE_OTHER)

    def _form(self) -> Response:
        return self.show(pages.form(request.args))

    def _preview(self) -> Response:
        try:
            return self.show(pages.preview(self.actions.preview(request.form)))
        except (InputError, RefusedError) as error:
            return self.show(pages.form(request.form, error))

    def _carry_out(self) -> Any:
        """Carry out what a preview has shown, if the person started the board to act."""
        if not self.may_act:
            return Response("The board looks only.", HTTPStatus.FORBIDDEN, mimetype="text/plain")
        id_ = request.form.get("id", "")
        self.actions.carry_out(id_)
        self.reader.state.expire()
        return redirect(self.links.page("done", id=id_), HTTPStatus.SEE_OTHER)

    def _done(self) -> Response:
        return self.show(pages.done(self.reader, self.actions.outcome(request.args.get("id", ""))))

    def show(self, page: Page) -> Response:
        """Return a page, or that it is still the same as the reader's."""
        text = render.page(page, self.links, self.frame)
        answer = Response(text, page.status, mimetype="text/html")
        answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
        answer.make_conditional(request)
        return answer

    def _fail(self, error: Exception) -> Response:
        """Return the page for an error; a page is missing or a call has failed."""
        if isinstance(error, HTTPException):
            sentence = error.description or error.name
            page = Page("message.html", error.name, pages.CALM, {"sentence": sentence})
            return Response(
                render.page(page, self.links, self.frame), error.code, mimetype="text/html"
            )
        if not is_expected(error):
            self.flask.logger.exception("a defect of the board")
        return self.show(pages.failed(error))


def frame(reader: Reader) -> dict[str, Any]:
    """Return the values that the pages of an environment show, in addition to their own."""
    name = reader.services.name
    return {
        "environment": name,
        "site_url": reader.services.environment.site_url,
        "took": seconds,
        "position": links.written,
        "console_url": reader.services.executions.url,
        "command": f"phaseline drift --environment {name}",
    }


def _protect(answer: Response) -> Response:
    answer.headers.update(HEADERS)
    return answer
