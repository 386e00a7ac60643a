"""An error is one line for a person, and an annotation and a summary on GitHub."""

import io
from pathlib import Path

from phaseline.errors import RefusedError, RemoteCallError
from scripts.cli import failures


def test_error_is_printed_on_one_line() -> None:
    err = io.StringIO()
    failures.report(RefusedError("a\nb", "held\r\n", "Wait."), err, {})
    assert err.getvalue() == "error: a b: held . Wait.\n"


def test_error_on_github_is_annotated_and_in_the_summary(tmp_path: Path) -> None:
    """Escaped in both."""
    summary = tmp_path / "summary.md"
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    err = io.StringIO()
    failures.report(RemoteCallError("s3://b", "100% <b>of_it", "Again."), err, environ)
    assert err.getvalue().splitlines()[1] == (
        "::error title=Remote call error::s3://b: 100%25 <b>of_it. Again."
    )
    assert summary.read_text() == "**Remote call error:** s3://b: 100% \\<b\\>of\\_it. Again.\n\n"
