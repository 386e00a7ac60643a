"""The command that sets up an environment in GitHub."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phaseline.deploy.stack import Stack
from phaseline.errors import ConfigurationError
from scripts.cli import aws
from scripts.commands import github_setup
from scripts.setup import github_settings
from tests.builders.github_releases import GitHub
from tests.builders.github_releases import served as served  # a fixture

CODE_OWNERS = "# The owners.\n* @acme/platform\n"
OUTPUTS = {
    "cloudformation": {"CloudFormationRoleArn": "arn:cloudformation"},
    "github": {
        "DeployRoleArn": "arn:deploy",
        "PromoteRoleArn": "arn:promote",
        "PreviewRoleArn": "arn:preview",
    },
    "drift": {"DriftRoleArn": "arn:drift", "RepairRoleArn": "arn:repair"},
}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The names of the deployed stacks, all of the roles at first."""
    names = set(OUTPUTS)

    def describe(_client: object, environment: str, short: str) -> Stack | None:
        full = f"phaseline-{environment}-{short}"
        parameters = {"Branch": "main"} if short == "github" else {}
        arn = f"arn:aws:cloudformation:eu-west-1:111122223333:stack/{full}/1"
        stack = Stack(short, full, arn, "CREATE_COMPLETE", parameters, OUTPUTS[short], {}, None)
        return stack if short in names else None

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(github_settings, "describe", describe)
    aws.session.cache_clear()
    yield names
    aws.session.cache_clear()


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose file names the example as the code owner."""
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/CODEOWNERS").write_text(CODE_OWNERS)
    monkeypatch.setattr("scripts.setup.github_settings.checkout.root", lambda: tmp_path)
    return tmp_path


def run(served: GitHub, *options: str) -> Result:
    given = ["--environment", "demo", *options]
    return CliRunner().invoke(github_setup.command, given, env=served.environ)


def test_environment_is_set_up_once(served: GitHub, deployed: set[str], checkout: Path) -> None:
    """The second run changes nothing."""
    options = ("--reviewer", "octocat", "--code-owner", "@octocat", "--code-owner", "@acme/web")
    ran = run(served, *options)
    assert ran.exit_code == 0, ran.exception
    assert "reviewers: octocat" in ran.output
    assert "branch main may deploy" in ran.output
    assert "Commit and push the file." in ran.output
    assert (checkout / ".github/CODEOWNERS").read_text().endswith("* @octocat @acme/web\n")
    environment = served.repository.environments["demo"]
    variables = {name: one["value"] for name, one in environment.variables.items()}
    assert variables["DEPLOY_ROLE_ARN"] == "arn:deploy"
    assert served.repository.values()["DRIFT_ROLE_ARNS"] == '{"demo": "arn:drift"}'

    ran = run(served, *options)
    assert ran.exit_code == 0
    assert "nothing was changed" in ran.output
    assert "Commit and push" not in ran.output


def test_dry_run_changes_nothing(served: GitHub, deployed: set[str], checkout: Path) -> None:
    ran = run(served, "--dry-run", "--code-owner", "@ada")
    assert ran.exit_code == 0, ran.exception
    assert "variable PROMOTE_ROLE_ARN: arn:promote" in ran.output
    assert served.repository.environments == {}
    assert served.repository.values() == {}
    assert (checkout / ".github/CODEOWNERS").read_text() == CODE_OWNERS


def test_errors_of_the_code_owners_are_shown(served: GitHub, deployed: set[str]) -> None:
    served.hub.file = lambda _name, ref, _path: CODE_OWNERS if ref == "main" else None
    ran = run(served)
    assert ran.exit_code == 0, ran.exception
    assert ".github/CODEOWNERS:2: Unknown owner: * @acme/platform" in ran.output


def test_missing_stack_is_an_error(served: GitHub, deployed: set[str]) -> None:
    deployed.remove("drift")
    ran = run(served)
    assert isinstance(ran.exception, ConfigurationError)
    assert "these stacks are not deployed: drift" in str(ran.exception)
    assert served.repository.environments == {}
