"""Deploys the stacks of a local system with the command that people use."""

import subprocess
import sys
from collections.abc import Mapping

from local import standins
from local.parts import PartError, end
from local.system import AUTOMATION, ENVIRONMENT, FRONTEND, ROOT, System, attach, control
from phaseline.deploy.plan import STACKS

WITH_BOUNDARY = tuple(f"--stack={name}" for name in ("cloudformation", *STACKS))
"""Options that deploy all stacks except those with the roles of workflows. The stack cloudformation
has the boundary of all roles."""


def deploy(system: System) -> None:
    """Run `python -m scripts deploy`, and read the outputs of the stacks. Raises PartError."""
    run_deploy(system, "deploy.log", parameters(system), *WITH_BOUNDARY)
    follow_stacks(system)


def parameters(system: System) -> dict[str, str]:
    """Return the values of the templates' parameters for this system."""
    return {
        "SiteUrl": system.edge_url,
        "GithubApiUrl": system.github_url,
        "GithubTokenArn": _secret(system, "github", standins.GITHUB_TOKEN),
        "GithubRepository": AUTOMATION,
        "SlackApiUrl": system.slack_url,
        "SlackTokenArn": _secret(system, "slack", standins.SLACK_TOKEN),
        "SlackChannel": next(iter(standins.CHANNELS.values())),
        "FrontendRepository": FRONTEND,
    }


def run_deploy(system: System, log_name: str, parameters: Mapping[str, str], *options: str) -> None:
    """Run the deploy command with an administrator's permissions. Raises PartError."""
    command = [sys.executable, "-m", "scripts", "deploy", "--environment", ENVIRONMENT]
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    log = system.folder / log_name
    with log.open("w") as output:
        deployed = subprocess.run(
            [*command, *options], cwd=ROOT, env=system.environ, stdout=output, stderr=output
        )
    if deployed.returncode:
        raise PartError("the deployment", f"it {end(deployed.returncode)}", log)


def follow_stacks(system: System) -> None:
    """Read the outputs of the stacks, and give the edge its distribution.

    Processes that attach later get these outputs, too.
    """
    system.outputs = _outputs(system)
    if "site" in system.outputs:
        distribution = {"id": system.outputs["site"]["DistributionId"]}
        url = f"{system.edge_url}/_phaseline/distribution"
        control.ask(system, "the edge", "POST", url, distribution)
    attach.save(system)


def _secret(system: System, name: str, value: str) -> str:
    """Return the ARN of a secret. Create it with this value if it does not exist."""
    client = system.client("secretsmanager")
    try:
        return str(client.create_secret(Name=f"phaseline/{name}", SecretString=value)["ARN"])
    except client.exceptions.ResourceExistsException:
        return str(client.describe_secret(SecretId=f"phaseline/{name}")["ARN"])


def _outputs(system: System) -> dict[str, dict[str, str]]:
    prefix = f"phaseline-{ENVIRONMENT}-"
    stacks = system.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"].removeprefix(prefix): {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }
        for stack in stacks
        if stack["StackName"].startswith(prefix)
    }
