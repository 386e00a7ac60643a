"""Builds the packages of the Lambda functions: one zip for each, as a deployment uploads it.

Prints the size and the SHA-256 of each zip. Needs no AWS account.
"""

import sysconfig
from pathlib import Path

import click

from phaseline.deploy import package
from phaseline.deploy.plan import FUNCTIONS
from scripts.cli import checkout
from scripts.cli.console import Console, json_option


@click.command(name="package", help=__doc__)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the zips.  [default: build/lambdas]",
)
@json_option
def command(output: Path | None, as_json: bool) -> None:
    repository = checkout.root()
    folder = output or repository / checkout.PACKAGES
    console = Console(as_json=as_json, total=1)
    installed = Path(sysconfig.get_path("purelib"))
    with console.step(f"Build {len(FUNCTIONS)} packages"):
        built = package.build_all(FUNCTIONS, repository, [installed], folder)
    data = {one.name: {"path": str(one.path), "sha256": one.sha256} for one in built}
    console.result(data, (f"{one.sha256}  {one.path}, {one.size:,} B" for one in built))
