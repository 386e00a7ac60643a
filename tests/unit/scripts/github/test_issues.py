"""The one issue about a topic, also after errors of GitHub."""

from dataclasses import replace
from typing import Any

import pytest

from phaseline.errors import ConfigurationError, RemoteCallError
from scripts.github.issues import LABEL, Issues, KeptIssue, WantedIssue
from tests.builders.issues import NAME, TOKEN, GitHub
from tests.builders.issues import served as served  # a fixture

TOPIC = "phaseline-drift environment=demo"
ONE = WantedIssue("demo is not as declared", "f1", "- one", link="https://x/1")
TWO = WantedIssue("demo is not as declared", "f2", "- one\n- two", link="https://x/2")
NOTHING = WantedIssue("demo is not as declared", "", "", link="https://x/3")


def test_issue_is_opened_updated_and_closed(served: GitHub) -> None:
    """It is found by its first line, an HTML comment, and closed with a note."""
    opened = served.issues.keep(TOPIC, ONE)
    assert (opened.change, opened.number) == ("opened", 1)
    assert str(opened.url).endswith("/issues/1")
    assert served.body().splitlines() == [
        f"<!-- {TOPIC} fingerprint=f1 -->",
        "- one",
        "",
        "[The run that found this](https://x/1)",
    ]
    assert [one["name"] for one in served.repository.issues[1]["labels"]] == [LABEL]

    assert served.issues.keep(TOPIC, ONE) == replace(opened, change="unchanged")
    assert served.issues.keep(TOPIC, TWO) == replace(opened, change="changed")
    assert served.body().startswith(f"<!-- {TOPIC} fingerprint=f2 -->\n- one\n- two\n")

    assert served.issues.keep(TOPIC, NOTHING) == replace(opened, change="recovered")
    assert served.states() == {1: "closed"}
    note = "No finding is left. [The run that found this](https://x/3)"
    assert served.said() == [(1, note)]
    assert served.issues.keep(TOPIC, NOTHING) == KeptIssue("unchanged")


def test_new_text_with_the_same_fingerprint_is_no_change(served: GitHub) -> None:
    """The issue gets the new text, and the change is not reported."""
    served.issues.keep(TOPIC, ONE)
    again = replace(ONE, text="- one, explained")
    assert served.issues.keep(TOPIC, again).change == "unchanged"
    assert "explained" in served.body()


def test_new_link_alone_changes_nothing(served: GitHub) -> None:
    served.issues.keep(TOPIC, ONE)
    before = served.body()
    assert served.issues.keep(TOPIC, replace(ONE, link="https://x/9")).change == "unchanged"
    assert served.body() == before


def test_returning_finding_opens_a_new_issue(served: GitHub) -> None:
    """It names the previous issue, also after an update."""
    served.issues.keep(TOPIC, ONE)
    served.issues.keep(TOPIC, NOTHING)
    assert served.issues.keep(TOPIC, ONE).number == 2
    served.issues.keep(TOPIC, TWO)
    assert served.states() == {1: "closed", 2: "open"}
    assert "Previous issue: #1." in served.body(2)


def test_incomplete_check_closes_no_issue(served: GitHub) -> None:
    """It updates the issue if it finds something else."""
    served.issues.keep(TOPIC, ONE)
    assert served.issues.keep(TOPIC, replace(NOTHING, complete=False)).change == "unchanged"
    assert served.states() == {1: "open"}
    assert "fingerprint=f1" in served.body()
    assert served.issues.keep(TOPIC, replace(TWO, complete=False)).change == "changed"


def test_issues_of_others_are_not_touched(served: GitHub) -> None:
    """Such as another environment's, one without the label, one that quotes the marker, and one
    that a stranger opened with marker and label."""
    begin = f"<!-- {TOPIC} fingerprint=f1 -->"
    served.open(begin.replace("demo", "demo2"), LABEL)
    served.open(begin)
    served.open(f"What is {begin}?", LABEL)
    served.open(begin, LABEL, token="stranger")
    assert served.issues.keep(TOPIC, ONE).number == 5
    served.issues.keep(TOPIC, NOTHING)
    assert served.states() == {1: "open", 2: "open", 3: "open", 4: "open", 5: "closed"}


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502}])
def test_lost_answer_opens_no_second_issue(served: GitHub, fault: dict[str, Any]) -> None:
    """The opening is still reported."""
    served.fails(method="POST", path="/issues", **fault)
    opened = served.issues.keep(TOPIC, ONE)
    assert (opened.change, opened.number) == ("opened", 1)
    assert served.states() == {1: "open"}


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502, "count": 3}])
def test_lost_answer_closes_the_issue_once(served: GitHub, fault: dict[str, Any]) -> None:
    """There is one note, and one recovery."""
    served.issues.keep(TOPIC, ONE)
    served.fails(method="PATCH", path="/issues/1", **fault)
    assert served.issues.keep(TOPIC, NOTHING).change == "recovered"
    assert served.states() == {1: "closed"}
    assert len(served.said()) == 1


def test_newer_of_two_issues_is_closed_as_duplicate(served: GitHub) -> None:
    """It is never named as the previous issue."""
    served.issues.keep(TOPIC, ONE)
    served.open(served.body(), LABEL)
    assert served.issues.keep(TOPIC, ONE) == replace(
        served.issues.keep(TOPIC, ONE), change="unchanged", number=1
    )
    assert served.states() == {1: "open", 2: "closed"}
    assert served.said() == [(2, "Duplicate of #1.")]
    served.issues.keep(TOPIC, NOTHING)
    served.issues.keep(TOPIC, ONE)
    assert "Previous issue: #1." in served.body(3)


def test_only_the_older_of_two_simultaneous_issues_is_reported(
    served: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = served.issues.repository
    create = repository.create_issue

    def late(*given: Any, **more: Any) -> Any:
        served.open(f"<!-- {TOPIC} fingerprint=f1 -->\n- one\n", LABEL)
        return create(*given, **more)

    monkeypatch.setattr(repository, "create_issue", late)
    kept = served.issues.keep(TOPIC, ONE)
    assert (kept.change, kept.number) == ("unchanged", 1)
    assert served.states() == {1: "open", 2: "closed"}


def test_outage_is_a_remote_call_error_after_retries(served: GitHub) -> None:
    served.fails(method="POST", path="/issues", status=502, count=9)
    with pytest.raises(RemoteCallError, match="GitHub answers 502: Ordered fault"):
        served.issues.keep(TOPIC, ONE)
    assert served.states() == {}


def test_missing_permission_is_named(served: GitHub) -> None:
    environ = {
        "GITHUB_TOKEN": "reader",
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_API_URL": served.url,
    }
    with pytest.raises(ConfigurationError, match="issues: write"):
        Issues.of(environ, "--report").keep(TOPIC, ONE)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/issues"), ("GET", "/issues"), ("PATCH", "/issues/1")]
)
@pytest.mark.parametrize("status", [403, 429])
def test_rate_limit_is_waited_for(served: GitHub, method: str, path: str, status: int) -> None:
    """As long as GitHub demands, whatever the request; nothing is written twice."""
    slept: list[float] = []
    issues = replace(served.issues, sleep=slept.append)
    if method == "PATCH":
        issues.keep(TOPIC, TWO)
    served.fails(method=method, path=path, status=status, headers={"Retry-After": "37"})
    issues.keep(TOPIC, ONE)
    assert slept == [37.0]
    assert served.states() == {1: "open"}
    assert "fingerprint=f1" in served.body()


def test_lasting_rate_limit_is_not_reported_as_a_missing_permission(served: GitHub) -> None:
    slept: list[float] = []
    issues = replace(served.issues, sleep=slept.append)
    served.fails(method="POST", path="/issues", status=403, count=9, headers={"Retry-After": "60"})
    with pytest.raises(RemoteCallError, match=r"a rate limit, for 60 seconds.*Run it again"):
        issues.keep(TOPIC, ONE)
    assert slept == [60.0, 60.0]


def test_rate_limit_of_an_hour_is_not_waited_for(served: GitHub) -> None:
    slept: list[float] = []
    issues = replace(served.issues, sleep=slept.append)
    served.fails(method="GET", path="/issues", status=403, headers={"Retry-After": "3600"})
    with pytest.raises(RemoteCallError, match="a rate limit, for 3600 seconds"):
        issues.keep(TOPIC, ONE)
    assert slept == []


def test_repository_that_the_token_may_not_see_is_named(served: GitHub) -> None:
    environ = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": "acme/elsewhere",
        "GITHUB_API_URL": served.url,
    }
    with pytest.raises(ConfigurationError, match=r"the token may not see it.*Correct its name"):
        Issues.of(environ, "--report").keep(TOPIC, ONE)


def test_missing_variable_is_named_with_its_option() -> None:
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN is not set, which --report needs"):
        Issues.of({"GITHUB_REPOSITORY": NAME}, "--report")
