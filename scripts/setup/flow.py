"""The steps of setting up an environment. Each of them adopts what is there already."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from phaseline.deploy.execute import Apply, deploy
from phaseline.deploy.parameters import Sections, read
from phaseline.deploy.plan import EVERY
from phaseline.deploy.stack import describe
from phaseline.errors import ConfigurationError
from scripts.cli import aws, checkout
from scripts.cli.console import Console
from scripts.deploy.plan import make_plan
from scripts.deploy.stacks import make_stacks
from scripts.github import code_owners
from scripts.github.environment_settings import STACKS
from scripts.github.repository_settings import RepositorySettings
from scripts.setup import existing_table, parameters_file, token_secrets
from scripts.setup.github_settings import name_owners, wanted_settings
from scripts.setup.parameters_file import Answers

SAMPLE = 200
"""Items of an existing table that are read to find the names of its attributes."""
PROVIDER = ":oidc-provider/token.actions.githubusercontent.com"
"""The end of the ARN of an account's identity provider for GitHub."""
STACK_TIMEOUT = 1800.0
"""Seconds to wait for each stack."""
TOKENS = {
    "github": ("PHASELINE_DISPATCH_TOKEN", "GitHub token that may write the repository's contents"),
    "slack": ("PHASELINE_SLACK_TOKEN", "token of a Slack bot with the scope chat:write"),
}
"""The variables and the purposes of the tokens, by the last part of the name of their secret."""


@dataclass(frozen=True)
class Setup:
    """An environment to set up. `table` is an existing table, and `phase` its phase of tested
    versions. `settings` are those of the repository."""

    environment: str
    repository: str
    frontend: str
    slack_channel: str
    table: str | None
    phase: str
    settings: RepositorySettings

    @property
    def file(self) -> Path:
        """The parameters file of the environment."""
        return checkout.root() / "infra" / "parameters" / f"{self.environment}.json"

    def present(self) -> Sections:
        """Return the sections of the parameters file; none if there is no file."""
        if not self.file.exists():
            return {}
        return read(self.file.read_text("utf-8"), str(self.file), EVERY)

    def table_parameters(self) -> Sections:
        """Return the parameters of the existing table, by section.

        Raises ConfigurationError if there is no such table, or if it has no stream.
        """
        if not self.table:
            default = existing_table.DEFAULT.phase
            return {} if self.phase == default else {"listener": {"Phase": self.phase}}
        client = aws.client("dynamodb")
        try:
            table = client.describe_table(TableName=self.table)["Table"]
        except client.exceptions.ResourceNotFoundException as error:
            raise ConfigurationError(
                f"table {self.table}", "it does not exist in this Region", "Correct its name."
            ) from error
        items = client.scan(TableName=self.table, Limit=SAMPLE)["Items"]
        return existing_table.parameters(table, items, self.phase)

    def provider(self) -> str | None:
        """Return the ARN of an identity provider that another stack or person has made, or None."""
        own = describe(aws.client("cloudformation"), self.environment, "github")
        if own and not own.parameters.get("OidcProviderArn"):
            return None
        listed = aws.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return next((one["Arn"] for one in listed if one["Arn"].endswith(PROVIDER)), None)

    def secret_name(self, kind: str) -> str:
        """Return the name of a token's secret."""
        return f"phaseline/{self.environment}/{kind}"

    def secrets(self, *, dry_run: bool) -> tuple[dict[str, str], list[str]]:
        """Return the ARNs of the secrets, and the names of those that were created.

        A dry run creates none; the ARN of a missing one says so.
        """
        client, arns, created = aws.client("secretsmanager"), {}, []
        for kind, (variable, purpose) in TOKENS.items():
            name = self.secret_name(kind)
            if dry_run:
                arns[kind] = token_secrets.find(client, name) or f"(ARN of the new secret {name})"
                continue
            ask = partial(token_secrets.token_of, variable, purpose)
            arns[kind], is_new = token_secrets.ensure(client, name, ask)
            if is_new:
                created.append(name)
        return arns, created

    def sections(
        self, present: Sections, arns: dict[str, str], found: Sections, provider: str | None
    ) -> Sections:
        """Return the sections that the parameters file should have instead of the `present`."""
        owner_id, repository_id = self.settings.numbers()
        answers = Answers(
            self.repository,
            owner_id,
            repository_id,
            self.frontend,
            self.slack_channel,
            arns["github"],
            arns["slack"],
            found,
            provider,
        )
        return parameters_file.merged(present, parameters_file.sections(answers))

    def write(self, sections: Sections) -> None:
        """Write the parameters file."""
        self.file.write_text(json.dumps(sections, indent=2) + "\n", "utf-8")

    def deploy_roles(self, console: Console) -> None:
        """Deploy the stacks with the roles of the workflows, which no workflow may deploy."""
        plan = make_plan(self.environment, None, (), STACKS)
        stacks = make_stacks(console, STACK_TIMEOUT)
        deploy(plan, Apply(stacks, aws.client("s3")), stacks, console.step)

    def apply_settings(self, reviewers: tuple[str, ...]) -> list[str]:
        """Set up the environment in GitHub, and return what was changed.

        The reviewers of deployments also own the code, because who can change it can deploy.
        """
        wanted = wanted_settings(self.settings, self.environment, reviewers)
        made = [change.text for change in self.settings.apply(wanted)]
        if name_owners([f"@{name}" for name in reviewers], dry_run=False):
            made.append(f"{code_owners.FILE}: the reviewers own the code")
        return made

    def role_steps(self) -> int:
        """Return the number of steps that the deployment of the roles shows."""
        return make_plan(self.environment, None, (), STACKS).steps()


def remaining(environment: str, repository: str, region: str) -> list[str]:
    """Return what only a person can do, each with its link or command."""
    console = f"https://{region}.console.aws.amazon.com/codesuite/settings/connections"
    return [
        f"Commit and push infra/parameters/{environment}.json and .github/CODEOWNERS: the push"
        " deploys the other stacks.",
        f"Complete the pending connection to GitHub: {console}",
        f"Protect the branch main: https://github.com/{repository}/settings/branches",
        "Invite the Slack bot to the channel: /invite, in the channel.",
        f"phaseline backfill --environment {environment} --dry-run, if the table has items.",
        f"phaseline verify-account --environment {environment}, after the first deployment.",
    ]
