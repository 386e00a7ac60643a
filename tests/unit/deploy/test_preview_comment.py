"""A preview: the comment's text, and that there is one comment whatever GitHub does."""

from dataclasses import replace

import pytest
import requests
from pytest_httpserver import HTTPServer

from phaseline.deploy import preview_comment
from phaseline.deploy.change_sets import Change
from phaseline.deploy.execute import Outcome
from phaseline.deploy.stacks import Result
from phaseline.errors import ConfigurationError, DeploymentError, RemoteCallError
from scripts.cli.invocation import run_url
from scripts.commands.preview import stack_texts
from scripts.github.comments import Comments
from tests.github_comments import NUMBER
from tests.github_comments import Comments as Served

STACK = "phaseline-demo-site"
MARKER = preview_comment.marker("demo", STACK)
CHANGES = (
    Change("Add", "Alarm", "AWS::CloudWatch::Alarm"),
    Change("Modify", "Table", "AWS::DynamoDB::Table", "Conditional", ("KeySchema",)),
    Change("Remove", "Queue", "AWS::SQS::Queue"),
    Change("Modify", "Bucket", "AWS::S3::Bucket", "True", ("BucketName", "Tags")),
    Change("Modify", "Function", "AWS::Lambda::Function", "False", ("Code",)),
)


def test_replacements_come_first() -> None:
    """They lose data; then removals, then the rest."""
    text = preview_comment.text("demo", Result(STACK, "update", CHANGES), link="https://x/run")
    assert text.splitlines() == [
        MARKER,
        f"### `{STACK}`: would be updated, 5 changes, 1 replaced",
        "",
        "> [!WARNING]",
        "> To be replaced: 1, perhaps: 1. What replaces a resource is empty and has another name.",
        "",
        "| Action | Resource | Type | Properties | Replaced |",
        "|-|-|-|-|-|",
        "| Modify | Bucket | AWS::S3::Bucket | BucketName, Tags | **yes** |",
        "| Modify | Table | AWS::DynamoDB::Table | KeySchema | perhaps |",
        "| Remove | Queue | AWS::SQS::Queue |  |  |",
        "| Add | Alarm | AWS::CloudWatch::Alarm |  |  |",
        "| Modify | Function | AWS::Lambda::Function | Code | no |",
        "",
        "[The run that made this](https://x/run)",
    ]


def test_no_changes_is_told_too() -> None:
    """A comment of an earlier push must not stay as it was."""
    text = preview_comment.text("demo", Result(STACK, "none"))
    assert text == f"{MARKER}\n### `{STACK}`: No changes\n"


@pytest.mark.parametrize("failure", ["", "stack x: <b>it</b>\n| failed | ![](x)"])
def test_what_is_not_known_is_told(failure: str) -> None:
    """With the reason, in which nothing means anything to Markdown: each line is indented."""
    result = Result(STACK, "create", note="its changes can be told after the deploy of site")
    lines = preview_comment.text("demo", result, failure=failure).splitlines()
    assert lines[1].endswith("no preview" if failure else "would be created")
    assert lines[3:] == [f"    {line}" for line in (failure or result.note).splitlines()]


def test_a_long_comment_is_cut() -> None:
    """At GitHub's limit, by whole rows, and says how many are left out; replacements stay."""
    many = [Change("Add", f"Resource{number:04}", "AWS::S3::Bucket") for number in range(3000)]
    text = preview_comment.text(
        "demo", Result(STACK, "update", (*many, CHANGES[3])), link="https://x"
    )
    assert len(text) <= preview_comment.LIMIT
    assert "| Modify | Bucket |" in text
    rows = [line for line in text.splitlines() if line.startswith(("| Add", "| Modify"))]
    assert f"{3001 - len(rows)} more changes. The run's log has them all." in text
    assert text.endswith("(https://x)\n")


def test_a_stack_and_an_environment_have_a_marker_of_their_own() -> None:
    """So that each has its own comment, and none is another's beginning."""
    markers = [preview_comment.marker(environment, STACK) for environment in ("demo", "demo2")]
    markers.append(preview_comment.marker("demo", f"{STACK}-2"))
    for marker in markers:
        assert [one for one in markers if one.startswith(marker)] == [marker]


def test_a_stack_without_preview_has_its_reason() -> None:
    """The others have theirs."""
    outcome = Outcome({"site": Result(STACK, "update"), "registry": Result("r", "none")})
    texts = stack_texts(
        "demo", outcome, {STACK: DeploymentError("stack s", "it failed", "Mend it.")}, ""
    )
    assert "    stack s: it failed. Mend it." in texts[STACK]
    assert "No changes" in texts["r"]


def test_the_run_is_linked_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """From GitHub's own variables."""
    variables = {"SERVER_URL": "https://github.com", "REPOSITORY": "a/b", "RUN_ID": "5"}
    for name, value in variables.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert run_url() == "https://github.com/a/b/actions/runs/5"
    monkeypatch.delenv("GITHUB_RUN_ID")
    assert run_url() is None


# ---- One comment, whatever GitHub does --------------------------------------------------------


@pytest.fixture
def served(httpserver: HTTPServer) -> Served:
    """GitHub, with a comment of somebody's."""
    return Served(httpserver, {1: "Looks good, but what about <!-- phaseline preview: demo x -->?"})


@pytest.fixture
def comments(served: Served) -> Comments:
    """The comments of its pull request, without pauses."""
    return replace(Comments.of(served.environ, NUMBER), sleep=lambda _: None)


def test_one_comment_is_made_and_then_updated(served: Served, comments: Comments) -> None:
    """And left alone where it says the same already; others are not touched."""
    body = f"{MARKER}\none"
    assert comments.put(MARKER, body) == "created"
    assert comments.put(MARKER, body) == "unchanged"
    assert comments.put(MARKER, f"{MARKER}\ntwo") == "updated"
    assert served.bodies[2] == f"{MARKER}\ntwo"
    assert len(served.bodies) == 2
    assert served.requests == ["POST", "PATCH"]


def test_a_lost_answer_makes_no_second_comment(served: Served, comments: Comments) -> None:
    """It is looked for before it is sent again."""
    served.faults = [None]
    assert comments.put(MARKER, MARKER) == "created"
    assert list(served.bodies.values()).count(MARKER) == 1
    assert served.requests == ["POST"]


def test_a_refusal_that_passes_is_waited_for(served: Served, comments: Comments) -> None:
    """Where nothing was written, it is sent again."""
    served.faults = [502]
    assert comments.put(MARKER, MARKER) == "created"
    assert list(served.bodies.values()).count(MARKER) == 1
    assert served.requests == ["POST", "POST"]


def test_an_update_may_be_repeated(served: Served, comments: Comments) -> None:
    """It says the same both times."""
    comments.put(MARKER, MARKER)
    served.faults = [None, 503]
    assert comments.put(MARKER, f"{MARKER}\ntwo") == "updated"
    assert served.bodies[2] == f"{MARKER}\ntwo"


def test_attempts_are_bounded(served: Served, comments: Comments) -> None:
    """An outage ends as an error of GitHub's, with its words."""
    served.faults = [502] * 9
    with pytest.raises(RemoteCallError, match="GitHub answers 502: not today"):
        comments.put(MARKER, MARKER)
    assert served.requests == ["POST"] * 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_without_rights_is_told_as_that(
    served: Served, comments: Comments, status: int
) -> None:
    """It is not tried again, and the remedy names the permission."""
    served.faults = [status] * 9
    with pytest.raises(ConfigurationError, match="pull-requests: write"):
        comments.put(MARKER, MARKER)
    assert served.requests == ["POST"]


def test_a_github_that_is_not_there_is_an_error_of_ours(served: Served) -> None:
    """Not the library's."""
    environ = served.environ | {"GITHUB_API_URL": "http://127.0.0.1:9"}
    comments = replace(Comments.of(environ, NUMBER), sleep=lambda _: None)
    with pytest.raises(RemoteCallError, match="GitHub was not reached") as caught:
        comments.put(MARKER, MARKER)
    assert isinstance(caught.value.__cause__, requests.RequestException)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_a_missing_variable_is_named(served: Served, name: str) -> None:
    """Before anything is previewed."""
    environ = served.environ
    del environ[name]
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        Comments.of(environ, NUMBER)
