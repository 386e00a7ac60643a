"""Promotes tested versions that were in the table before the first deployment.

The stream of a table brings only changes, so the items that are in their phase already are left
out at the first deployment. Of each algorithm, the highest tested version is promoted that was
never released and is not marked bad. Look at --dry-run first. Running it again promotes nothing
twice.
"""

import click

from phaseline.drift.lost_versions import LostVersions, Repaired
from scripts.cli import invocation
from scripts.cli.console import Console, json_option
from scripts.cli.options import dry_run_option, environment_option, timeout_option
from scripts.drift.flow import release_check
from scripts.release import backfill
from scripts.release.follow import FOLLOW_TIMEOUT, follow
from scripts.services import Services

REASON = "it was in the table before the first deployment"


@click.command(name="backfill", help=__doc__)
@environment_option()
@click.option("--reason", default=REASON, show_default=True, help="Reason, for the history.")
@timeout_option("for the end of the pipeline execution", FOLLOW_TIMEOUT)
@dry_run_option
@json_option
def command(environment: str, reason: str, timeout: float, dry_run: bool, as_json: bool) -> None:
    services = Services(environment)
    console = Console(as_json=as_json, total=1 if dry_run else 3)
    check = release_check(services)
    with console.step("Compare the table with the documents"):
        found = backfill.find(check)
    if dry_run or not found.promotions:
        console.result(found.data | {"execution": None}, found.lines(made=False))
        return

    def tell(repaired: Repaired) -> None:
        console.progress(f"  {repaired.sentence}", "" if repaired.done else "red")

    lost = LostVersions(check, invocation.who(), reason)
    with console.step("Promote"):
        execution = backfill.promote(found, lost, tell)
    with console.step("Pipeline"):
        if execution:
            follow(services, console, execution, timeout)
    console.result(found.data | {"execution": execution}, found.lines(made=True))
