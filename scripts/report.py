"""Posts one message about a release to Slack; whatever Slack does, it does not fail.

With --execution the message counts as the pipeline's own of that execution: where the pipeline has
told it already, nothing is posted.
"""

from dataclasses import asdict

import click

from phaseline import announce
from scripts import services, slack
from scripts.console import Console, json_option
from scripts.options import NAME, dry_run_option, environment_option, execution_option, type_option
from scripts.services import Services


@click.command(name="report", help=__doc__)
@environment_option("Which one the message is about.")
@click.option("--outcome", type=click.Choice(["success", "failure"]), required=True)
@execution_option(required=False)
@type_option()
@click.option("--algorithm", type=NAME, help="The algorithm's name.")
@click.option("--version", type=NAME, help="The algorithm's version.")
@click.option("--reason", help="Why, in a sentence.")
@click.option("--url", help="Where to read more; the workflow's run unless told otherwise.")
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
    known = Services(environment)
    succeeded = outcome == "success"
    what = " ".join(word for word in (type_, algorithm, version) if word) or "the website"
    message = announce.reported(
        environment=environment,
        succeeded=succeeded,
        title="released" if succeeded else "not released",
        what=f"{what} {'is released' if succeeded else 'could not be released'}",
        facts={"Why": reason, "Who": services.who()},
        links={
            "Website": known.environment.site_url,
            "Pipeline": known.executions.url(execution) if execution else None,
            "Run": url or services.run_url(),
        },
    )
    if dry_run:
        Console(as_json=as_json).result(
            {"dry_run": True, "message": asdict(message)}, [f"would post: {message.text}"]
        )
        return
    told = slack.tell(
        known,
        message,
        execution=execution,
        claim=slack.PUBLISHED if succeeded else slack.FAILED,
    )
    Console(as_json=as_json).result({"posted": told.posted, "note": told.note}, [told.note])
