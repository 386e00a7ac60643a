"""The settings of a repository, at the stand-in for GitHub."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from phaseline.errors import ConfigurationError, InputError
from scripts.github.environment_settings import EnvironmentSettings, Reviewer
from scripts.github.repository_settings import RepositorySettings
from tests.builders.github_releases import NAME, GitHub
from tests.builders.github_releases import served as served  # a fixture


@pytest.fixture
def settings(served: GitHub) -> RepositorySettings:
    """A client that does not pause, in a repository that the team acme/web may write to."""
    served.repository.teams["web"] = "push"
    return replace(RepositorySettings.of(served.environ, "this"), sleep=lambda _: None)


def wanted(*reviewers: Reviewer) -> EnvironmentSettings:
    variables, shared = {"ROLE": "arn"}, {"AWS_REGION": "eu-west-1"}
    return EnvironmentSettings("demo", "main", reviewers, variables, shared)


def test_settings_are_complete_after_one_run(served: GitHub, settings: RepositorySettings) -> None:
    """A team and a person are reviewers, only main may deploy, and all variables are set."""
    reviewers = settings.reviewer("acme/web"), settings.reviewer("octocat")
    made = settings.apply(wanted(*reviewers))
    assert len(made) == 4
    assert settings.apply(wanted(*reviewers)) == []

    environment = served.repository.environments["demo"]
    names = [
        one["reviewer"].get("slug") or one["reviewer"]["login"] for one in environment.reviewers
    ]
    assert sorted(names) == ["octocat", "web"]
    assert [policy["name"] for policy in environment.policies.values()] == ["main"]
    assert environment.variables["ROLE"]["value"] == "arn"
    assert served.repository.values() == {"AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}], ids=["before", "after"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/environments/demo"),
        ("POST", "/deployment-branch-policies"),
        ("POST", "/environments/demo/variables"),
        ("POST", "/actions/variables"),
    ],
)
def test_lost_request_or_answer_is_found_by_the_next_attempt(
    served: GitHub, settings: RepositorySettings, fault: dict[str, Any], method: str, path: str
) -> None:
    """Each change is made once, and is told."""
    served.fails(method=method, path=path, **fault)
    assert len(settings.apply(wanted())) == 4
    environment = served.repository.environments["demo"]
    assert (len(environment.policies), len(environment.variables)) == (1, 1)


@pytest.mark.parametrize("name", ["acme/nobody", "other/web", "nobody"])
def test_reviewer_without_access_is_an_error(settings: RepositorySettings, name: str) -> None:
    """GitHub would refuse the ID, or let nobody approve."""
    with pytest.raises(InputError, match=f"the reviewer {name}: {NAME} has no"):
        settings.reviewer(name)


def test_plan_without_reviewers_names_the_fallback(
    served: GitHub, settings: RepositorySettings
) -> None:
    served.repository.plan_has_reviewers = False
    with pytest.raises(ConfigurationError, match=r"billing plan.* Omit --reviewer"):
        settings.apply(wanted(settings.reviewer("acme/web")))
    assert len(settings.apply(wanted())) == 4


def test_token_without_the_permission_is_told(served: GitHub, settings: RepositorySettings) -> None:
    served.hub.tokens["right"] = replace(served.hub.tokens["right"], write=False)
    with pytest.raises(ConfigurationError, match="administration: write"):
        settings.apply(wanted())


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (None, None),
        ("# nobody\n* @acme/web @octocat ada@example.org\n", []),
        (
            "* @acme/platform\n/infra/ @ghost web\n",
            ["Unknown owner", "Unknown owner", "Invalid owner"],
        ),
    ],
)
def test_errors_of_the_code_owners_are_found(
    served: GitHub, settings: RepositorySettings, text: str | None, kinds: list[str] | None
) -> None:
    served.hub.file = content(text)
    found = settings.code_owner_errors("main")
    assert (None if found is None else [one["kind"] for one in found]) == kinds


def content(text: str | None) -> Callable[[str, str, str], str | None]:
    """The file of the code owners on main."""
    files = {("main", ".github/CODEOWNERS"): text}
    return lambda _name, ref, path: files.get((ref, path))
