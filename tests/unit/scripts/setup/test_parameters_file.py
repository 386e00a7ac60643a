"""The parameters file has the answers, and keeps everything else."""

from scripts.setup import parameters_file
from scripts.setup.parameters_file import Answers

ANSWERS = Answers("acme/automation", 4711, 815, "acme/web", "C1", "arn:g", "arn:s")


def test_both_stacks_that_trust_the_repository_have_its_numbers() -> None:
    made = parameters_file.sections(ANSWERS)
    trusted = {"Repository": "acme/automation", "OwnerId": "4711", "RepositoryId": "815"}
    assert made["github"] == made["drift"] == trusted
    assert made["common"] == {"GithubTokenArn": "arn:g", "SlackTokenArn": "arn:s"}
    assert made["pipeline"] == {"FrontendRepository": "acme/web"}


def test_existing_provider_and_table_are_used() -> None:
    table = {"common": {"ExistingStreamArn": "arn:t"}, "listener": {"Phase": "DONE"}}
    answers = Answers(*vars(ANSWERS).values())
    found = Answers(**vars(answers) | {"table": table, "oidc_provider": "arn:p"})
    made = parameters_file.sections(found)
    assert made["github"]["OidcProviderArn"] == "arn:p"
    assert "OidcProviderArn" not in made["drift"]
    assert made["common"]["ExistingStreamArn"] == "arn:t"
    assert made["listener"] == {"GithubRepository": "acme/automation", "Phase": "DONE"}


def test_other_values_of_the_file_stay_and_changed_ones_are_told() -> None:
    present = {"site": {"Alias": "a.example"}, "slack": {"SlackChannel": "C0", "X": "1"}}
    after = parameters_file.merged(
        present, {"slack": {"SlackChannel": "C1"}, "pipeline": {"F": "f"}}
    )
    assert after["site"] == {"Alias": "a.example"}
    assert after["slack"] == {"SlackChannel": "C1", "X": "1"}
    told = list(parameters_file.changes(present, after))
    assert told == ["slack.SlackChannel: C0 -> C1", "pipeline.F = f"]
    assert list(parameters_file.changes(after, parameters_file.merged(after, present))) == [
        "slack.SlackChannel: C1 -> C0"
    ]
