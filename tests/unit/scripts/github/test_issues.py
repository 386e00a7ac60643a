"""One issue about a topic, whatever GitHub does."""

from dataclasses import replace
from typing import Any

import pytest

from phaseline.errors import ConfigurationError, RemoteCallError
from scripts.github.issues import LABEL, Issues, Kept, Wanted
from tests.builders.issues import NAME, TOKEN, GitHub
from tests.builders.issues import served as served  # a fixture

TOPIC = "phaseline-drift environment=demo"
ONE = Wanted("demo is not as declared", "f1", "- one", link="https://x/1")
TWO = Wanted("demo is not as declared", "f2", "- one\n- two", link="https://x/2")
NOTHING = Wanted("demo is not as declared", "", "", link="https://x/3")


def test_an_issue_is_opened_kept_up_to_date_and_closed(served: GitHub) -> None:
    """In place, found again by its first line, which does not show; with a note at the end."""
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
    note = "Nothing of it is left. [The run that found this](https://x/3)"
    assert served.said() == [(1, note)]
    assert served.issues.keep(TOPIC, NOTHING) == Kept("unchanged")


def test_what_is_said_otherwise_is_no_change(served: GitHub) -> None:
    """The issue says it as it is now, and nobody is told."""
    served.issues.keep(TOPIC, ONE)
    again = replace(ONE, text="- one, explained")
    assert served.issues.keep(TOPIC, again).change == "unchanged"
    assert "explained" in served.body()


def test_the_run_alone_changes_nothing(served: GitHub) -> None:
    """Another run that finds the same leaves the issue as it is."""
    served.issues.keep(TOPIC, ONE)
    before = served.body()
    assert served.issues.keep(TOPIC, replace(ONE, link="https://x/9")).change == "unchanged"
    assert served.body() == before


def test_what_comes_back_has_another_issue(served: GitHub) -> None:
    """That names the one before it, also after it was edited."""
    served.issues.keep(TOPIC, ONE)
    served.issues.keep(TOPIC, NOTHING)
    assert served.issues.keep(TOPIC, ONE).number == 2
    served.issues.keep(TOPIC, TWO)
    assert served.states() == {1: "closed", 2: "open"}
    assert "The one before: #1." in served.body(2)


def test_nothing_is_closed_by_who_does_not_know_all(served: GitHub) -> None:
    """Finding nothing then says nothing; finding something else does."""
    served.issues.keep(TOPIC, ONE)
    assert served.issues.keep(TOPIC, replace(NOTHING, complete=False)).change == "unchanged"
    assert served.states() == {1: "open"}
    assert "fingerprint=f1" in served.body()
    assert served.issues.keep(TOPIC, replace(TWO, complete=False)).change == "changed"


def test_others_are_not_touched(served: GitHub) -> None:
    """Another environment's, a stranger's with our marker but not our label, and what only quotes
    the marker."""
    begin = f"<!-- {TOPIC} fingerprint=f1 -->"
    served.open(begin.replace("demo", "demo2"), LABEL)
    served.open(begin)
    served.open(f"What is {begin}?", LABEL)
    assert served.issues.keep(TOPIC, ONE).number == 4
    served.issues.keep(TOPIC, NOTHING)
    assert served.states() == {1: "open", 2: "open", 3: "open", 4: "closed"}


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502}])
def test_a_lost_answer_opens_no_second_issue(served: GitHub, fault: dict[str, Any]) -> None:
    """It is looked for before it is sent again; and it is told that it was opened."""
    served.fails(method="POST", path="/issues", **fault)
    opened = served.issues.keep(TOPIC, ONE)
    assert (opened.change, opened.number) == ("opened", 1)
    assert served.states() == {1: "open"}


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502, "count": 3}])
def test_a_lost_answer_ends_no_issue_twice(served: GitHub, fault: dict[str, Any]) -> None:
    """There is one note, and one recovery."""
    served.issues.keep(TOPIC, ONE)
    served.fails(method="PATCH", path="/issues/1", **fault)
    assert served.issues.keep(TOPIC, NOTHING).change == "recovered"
    assert served.states() == {1: "closed"}
    assert len(served.said()) == 1


def test_of_two_the_older_stays(served: GitHub) -> None:
    """As two runs at once leave them. The other names it, and is no one's predecessor."""
    served.issues.keep(TOPIC, ONE)
    served.open(served.body(), LABEL)
    assert served.issues.keep(TOPIC, ONE) == replace(
        served.issues.keep(TOPIC, ONE), change="unchanged", number=1
    )
    assert served.states() == {1: "open", 2: "closed"}
    assert served.said() == [(2, "The same as #1.")]
    served.issues.keep(TOPIC, NOTHING)
    served.issues.keep(TOPIC, ONE)
    assert "The one before: #1." in served.body(3)


def test_of_two_that_open_at_once_one_tells(
    served: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run whose issue stays; for the other nothing has changed."""
    repository = served.issues.repository
    create = repository.create_issue

    def late(*given: Any, **more: Any) -> Any:
        served.open(f"<!-- {TOPIC} fingerprint=f1 -->\n- one\n", LABEL)
        return create(*given, **more)

    monkeypatch.setattr(repository, "create_issue", late)
    kept = served.issues.keep(TOPIC, ONE)
    assert (kept.change, kept.number) == ("unchanged", 1)
    assert served.states() == {1: "open", 2: "closed"}


def test_an_outage_is_an_error_of_ours(served: GitHub) -> None:
    """After a few attempts, with GitHub's words."""
    served.fails(method="POST", path="/issues", status=502, count=9)
    with pytest.raises(RemoteCallError, match="GitHub answers 502: Ordered fault"):
        served.issues.keep(TOPIC, ONE)
    assert served.states() == {}


def test_a_token_without_rights_is_told_as_that(served: GitHub) -> None:
    """With the permission that the job needs."""
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
    """As long as GitHub asks, whatever the request; nothing is written twice."""
    slept: list[float] = []
    issues = replace(served.issues, sleep=slept.append)
    if method == "PATCH":
        issues.keep(TOPIC, TWO)
    served.fails(method=method, path=path, status=status, headers={"Retry-After": "37"})
    issues.keep(TOPIC, ONE)
    assert slept == [37.0]
    assert served.states() == {1: "open"}
    assert "fingerprint=f1" in served.body()


def test_rate_limit_that_lasts_is_no_missing_permission(served: GitHub) -> None:
    """It is waited for within bounds, and then told as what it is."""
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


def test_repository_that_the_token_may_not_see_is_told_as_that(served: GitHub) -> None:
    environ = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": "acme/elsewhere",
        "GITHUB_API_URL": served.url,
    }
    with pytest.raises(ConfigurationError, match=r"the token may not see it.*Correct its name"):
        Issues.of(environ, "--report").keep(TOPIC, ONE)


def test_a_missing_variable_is_named() -> None:
    """With the option that needs it."""
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN is not set, which --report needs"):
        Issues.of({"GITHUB_REPOSITORY": NAME}, "--report")
