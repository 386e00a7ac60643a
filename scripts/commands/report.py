"""Posts to Slack how a release ended. Exits with 0 even if Slack is unavailable.

If the pipeline has a message about the release or about --execution, updates this message instead
of posting another one. Prints what it posted, or why it did not post.
"""

from dataclasses import asdict

import click

from phaseline.slack import rendering
from scripts import slack
from scripts.cli import invocation
from scripts.cli.console import Console, json_option
from scripts.cli.options import (
    NAME,
    dry_run_option,
    environment_option,
    execution_option,
    type_option,
)
from scripts.services import Services


@click.command(name="report", help=__doc__)
@environment_option()
@click.option(
    "--outcome",
    type=click.Choice(["success", "failure"]),
    required=True,
    help="How the release ended.",
)
@execution_option(required=False)
@type_option()
@click.option("--algorithm", type=NAME, help="Name of the algorithm.")
@click.option("--version", type=NAME, help="Version of the algorithm.")
@click.option("--reason", help="Reason in one sentence.")
@click.option("--url", help="Page with details.  [default: the workflow run]")
@dry_run_option
@json_option
def command(
    environment: str,
    outcome: str,
    execution: str | None,
    type_: str | None,
    algorithm: str | None,
    version: str | None,
    reason: str | None,
    url: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    services = Services(environment)
    succeeded = outcome == "success"
    subject = " ".join(word for word in (type_, algorithm, version) if word) or "the website"
    message = rendering.reported(
        environment=environment,
        succeeded=succeeded,
        title="released" if succeeded else "not released",
        what=f"{subject} {'is released' if succeeded else 'could not be released'}",
        facts={"Why": reason, "Who": invocation.who()},
        links={
            "Website": services.environment.site_url,
            "Pipeline": services.executions.url(execution) if execution else None,
            "Run": url or invocation.run_url(),
        },
    )
    if dry_run:
        Console(as_json=as_json).result(
            {"dry_run": True, "message": asdict(message)}, [f"would post: {message.text}"]
        )
        return
    result = slack.post(
        services,
        message,
        execution=execution,
        claim=slack.PUBLISHED if succeeded else slack.FAILED,
        revisions=_revisions(services, type_, algorithm, version),
    )
    Console(as_json=as_json).result({"posted": result.posted, "note": result.note}, [result.note])


def _revisions(
    services: Services, type_: str | None, algorithm: str | None, version: str | None
) -> list[tuple[str, int]]:
    """Return the document revision of the newest release of a version, or nothing."""
    if not (type_ and algorithm and version):
        return []
    for release in services.ledger.releases(type_, algorithm):
        if release.version == version and release.revision is not None:
            return [(type_, release.revision)]
    return []
