"""Pure: the parameters file of an environment, from what a person was asked and what was found."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from phaseline.deploy.parameters import COMMON, Sections


@dataclass(frozen=True)
class Answers:
    """The answers of a person, and the facts that were found, for the parameters file.

    `owner_id` and `repository_id` are the numbers of the repository on GitHub. The ARNs are those
    of the secrets with the tokens. `table` are the parameters of an existing algorithms table, by
    section. `oidc_provider` is the ARN of an identity provider that the account already has.
    """

    repository: str
    owner_id: int
    repository_id: int
    frontend: str
    slack_channel: str
    github_token_arn: str
    slack_token_arn: str
    table: Sections = field(default_factory=dict)
    oidc_provider: str | None = None


def sections(answers: Answers) -> dict[str, dict[str, str]]:
    """Return the sections of a parameters file."""
    trusted = {
        "Repository": answers.repository,
        "OwnerId": str(answers.owner_id),
        "RepositoryId": str(answers.repository_id),
    }
    provider = {"OidcProviderArn": answers.oidc_provider} if answers.oidc_provider else {}
    made = {
        COMMON: {
            "GithubTokenArn": answers.github_token_arn,
            "SlackTokenArn": answers.slack_token_arn,
        },
        "github": trusted | provider,
        "drift": trusted,
        "listener": {"GithubRepository": answers.repository},
        "slack": {"SlackChannel": answers.slack_channel},
        "pipeline": {"FrontendRepository": answers.frontend},
    }
    return merged(made, answers.table)


def merged(present: Sections, wanted: Sections) -> dict[str, dict[str, str]]:
    """Return the sections with the `wanted` values. All other present values stay.

    >>> merged({"slack": {"A": "1", "B": "2"}}, {"slack": {"B": "3"}})
    {'slack': {'A': '1', 'B': '3'}}
    """
    return {
        name: {**present.get(name, {}), **wanted.get(name, {})} for name in {**present, **wanted}
    }


def changes(present: Sections, after: Sections) -> Iterator[str]:
    """Yield a line for each value that is added or changed."""
    for name, values in after.items():
        for parameter, value in values.items():
            before = present.get(name, {}).get(parameter)
            if before is None:
                yield f"{name}.{parameter} = {value}"
            elif before != value:
                yield f"{name}.{parameter}: {before} -> {value}"
