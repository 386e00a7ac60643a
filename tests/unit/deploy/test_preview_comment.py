"""A preview: the comment's text, and that there is one comment whatever GitHub does."""

from dataclasses import replace

import pytest
import requests
from pytest_httpserver import HTTPServer

from phaseline.deploy import preview_comment
from phaseline.deploy.change_sets import ResourceChange, StackResult
from phaseline.deploy.execute import DeployResult
from phaseline.errors import ConfigurationError, DeploymentError, RemoteCallError
from scripts.cli.invocation import run_url
from scripts.deploy import preview_text
from scripts.github.comments import Comments
from tests.builders.github_comments import NUMBER
from tests.builders.github_comments import Comments as Served

STACK = "phaseline-demo-site"
MARKER = preview_comment.marker("demo", STACK)
CHANGES = (
    ResourceChange("Add", "Alarm", "AWS::CloudWatch::Alarm"),
    ResourceChange("Modify", "Table", "AWS::DynamoDB::Table", "Conditional", ("KeySchema",)),
    ResourceChange("Remove", "Queue", "AWS::SQS::Queue"),
    ResourceChange("Modify", "Bucket", "AWS::S3::Bucket", "True", ("BucketName", "Tags")),
    ResourceChange("Modify", "Function", "AWS::Lambda::Function", "False", ("Code",)),
)


def test_replacements_are_listed_first() -> None:
    """They lose data. Removals follow, then the rest."""
    text = preview_comment.text("demo", StackResult(STACK, "update", CHANGES), link="https://x/run")
    assert text.splitlines() == [
        MARKER,
        f"### `{STACK}`: would be updated, 5 changes, 1 replaced",
        "",
        "> [!WARNING]",
        "> To be replaced: 1, perhaps: 1. A replacement starts empty, and has another name.",
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


def test_comment_without_changes_says_so() -> None:
    """It replaces the comment of an earlier push."""
    text = preview_comment.text("demo", StackResult(STACK, "none"))
    assert text == f"{MARKER}\n### `{STACK}`: No changes\n"


@pytest.mark.parametrize("failure", ["", "stack x: <b>it</b>\n| failed | ![](x)"])
def test_unknown_changes_are_explained_in_a_code_block(failure: str) -> None:
    result = StackResult(STACK, "create", note="its changes are known after the deploy of site")
    lines = preview_comment.text("demo", result, failure=failure).splitlines()
    assert lines[1].endswith("no preview" if failure else "would be created")
    assert lines[3:] == [f"    {line}" for line in (failure or result.note).splitlines()]


def test_long_comment_omits_and_counts_rows() -> None:
    """Replacements stay."""
    many = [
        ResourceChange("Add", f"Resource{number:04}", "AWS::S3::Bucket") for number in range(3000)
    ]
    text = preview_comment.text(
        "demo", StackResult(STACK, "update", (*many, CHANGES[3])), link="https://x"
    )
    assert len(text) <= preview_comment.LIMIT
    assert "| Modify | Bucket |" in text
    rows = [line for line in text.splitlines() if line.startswith(("| Add", "| Modify"))]
    assert f"{3001 - len(rows)} more changes. The log of the run shows all." in text
    assert text.endswith("(https://x)\n")


def test_marker_identifies_stack_and_environment() -> None:
    """No marker is the prefix of another one."""
    markers = [preview_comment.marker(environment, STACK) for environment in ("demo", "demo2")]
    markers.append(preview_comment.marker("demo", f"{STACK}-2"))
    for marker in markers:
        assert [one for one in markers if one.startswith(marker)] == [marker]


def test_stack_without_preview_shows_its_error() -> None:
    outcome = DeployResult(
        {"site": StackResult(STACK, "update"), "registry": StackResult("r", "none")}
    )
    texts = preview_text.comments(
        "demo", outcome, {STACK: DeploymentError("stack s", "it failed", "Mend it.")}, ""
    )
    assert "    stack s: it failed. Mend it." in texts[STACK]
    assert "No changes" in texts["r"]


def test_run_is_linked_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_comment_is_created_once_then_updated(served: Served, comments: Comments) -> None:
    """An equal comment, and comments of others, stay as they are."""
    body = f"{MARKER}\none"
    assert comments.put(MARKER, body) == "created"
    assert comments.put(MARKER, body) == "unchanged"
    assert comments.put(MARKER, f"{MARKER}\ntwo") == "updated"
    assert served.bodies[2] == f"{MARKER}\ntwo"
    assert len(served.bodies) == 2
    assert served.requests == ["POST", "PATCH"]


def test_comment_of_a_stranger_is_not_adopted(served: Served, comments: Comments) -> None:
    """Anyone can copy the marker from the source of a comment."""
    served.bodies[2], served.strangers = f"{MARKER}\nforged", {1, 2}
    assert comments.put(MARKER, f"{MARKER}\none") == "created"
    assert comments.put(MARKER, f"{MARKER}\ntwo") == "updated"
    assert (served.bodies[2], served.bodies[3]) == (f"{MARKER}\nforged", f"{MARKER}\ntwo")


def test_lost_answer_creates_no_second_comment(served: Served, comments: Comments) -> None:
    served.faults = [None]
    assert comments.put(MARKER, MARKER) == "created"
    assert list(served.bodies.values()).count(MARKER) == 1
    assert served.requests == ["POST"]


def test_temporary_refusal_is_retried(served: Served, comments: Comments) -> None:
    served.faults = [502]
    assert comments.put(MARKER, MARKER) == "created"
    assert list(served.bodies.values()).count(MARKER) == 1
    assert served.requests == ["POST", "POST"]


def test_refused_update_is_retried(served: Served, comments: Comments) -> None:
    comments.put(MARKER, MARKER)
    served.faults = [None, 503]
    assert comments.put(MARKER, f"{MARKER}\ntwo") == "updated"
    assert served.bodies[2] == f"{MARKER}\ntwo"


def test_attempts_are_bounded(served: Served, comments: Comments) -> None:
    """After them, the error contains GitHub's message."""
    served.faults = [502] * 9
    with pytest.raises(RemoteCallError, match="GitHub answers 502: not today"):
        comments.put(MARKER, MARKER)
    assert served.requests == ["POST"] * 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_token_without_permission_is_not_retried(
    served: Served, comments: Comments, status: int
) -> None:
    """The remedy names the permission."""
    served.faults = [status] * 9
    with pytest.raises(ConfigurationError, match="pull-requests: write"):
        comments.put(MARKER, MARKER)
    assert served.requests == ["POST"]


def test_unreachable_github_is_a_remote_call_error(served: Served) -> None:
    environ = served.environ | {"GITHUB_API_URL": "http://127.0.0.1:9"}
    comments = replace(Comments.of(environ, NUMBER), sleep=lambda _: None)
    with pytest.raises(RemoteCallError, match="GitHub was not reached") as caught:
        comments.put(MARKER, MARKER)
    assert isinstance(caught.value.__cause__, requests.RequestException)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_missing_variable_is_named_before_the_preview(served: Served, name: str) -> None:
    environ = served.environ
    del environ[name]
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        Comments.of(environ, NUMBER)
