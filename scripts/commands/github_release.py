"""Publishes a version of this repository as a GitHub release, with notes from CHANGELOG.md.

Runs in a job on main. Creates a draft, attaches the packages, publishes the release, which creates
the tag vX.Y.Z, and moves the tag vX to the same commit. If a run fails, run it again: it continues.
A published version never changes. Exits with 7 if the version exists at another commit.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from phaseline.errors import ConfigurationError, InputError, RefusedError
from scripts.cli import checkout
from scripts.cli.console import Console, json_option
from scripts.cli.options import Pattern, dry_run_option
from scripts.github import changelog, job
from scripts.github.changelog import RemainingWork, Version
from scripts.github.releases import Releases

BRANCH = "refs/heads/main"


@click.command(name="github-release", help=__doc__)
@click.option(
    "--version",
    type=Pattern("version", changelog.VERSION, "a version such as 1.2.0"),
    required=True,
    help="Version to publish, such as 1.2.0.",
)
@click.option(
    "--packages",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the zips to attach, as `package` builds them.  [default: build/lambdas]",
)
@dry_run_option
@json_option
def command(version: str, packages: Path | None, dry_run: bool, as_json: bool) -> None:
    wanted, repository = Version.of(version), checkout.root()
    commit = commit_of_main(os.environ)
    console = Console(as_json=as_json, total=1 if dry_run else 5)
    releases = Releases.of(os.environ)
    with console.step("Check the version") as step:
        notes = changelog.notes((repository / changelog.FILE).read_text("utf-8"), wanted)
        publication = changelog.decide(wanted, commit, releases.tags())
        step.result = "published already" if publication.is_published else "new"
    folder = packages or repository / checkout.PACKAGES
    url = None if dry_run else publish(console, releases, wanted, commit, notes, folder)
    if not dry_run:
        with console.step(f"Move {wanted.moving_tag}") as step:
            if publication.moves:
                moved = releases.move(wanted.moving_tag, commit)
                step.result = f"{'now' if moved else 'already'} {commit}"
            else:
                step.result = "skipped: it names a newer version"
    data = {"version": version, "commit": commit, "dry_run": dry_run, "url": url, "notes": notes}
    lines = list(as_lines(wanted, commit, publication, url))
    console.result(data, lines)
    job.write_summary(os.environ, "\n".join([f"### {wanted.tag}", "", *lines, "", notes, ""]))


def commit_of_main(environ: Mapping[str, str]) -> str:
    """Return the commit of the job.

    Raises RefusedError if its branch is not main, and ConfigurationError outside of a job.
    """
    ref, commit = environ.get("GITHUB_REF", ""), environ.get("GITHUB_SHA", "")
    if not (ref and commit):
        raise ConfigurationError(
            "the environment variables",
            "GITHUB_REF or GITHUB_SHA is not set",
            "Run the workflow release.yml.",
        )
    if ref != BRANCH:
        raise RefusedError(
            "the branch", f"expected {BRANCH}, found {ref}", "Run the workflow on main."
        )
    return commit


def publish(
    console: Console, releases: Releases, version: Version, commit: str, notes: str, packages: Path
) -> str:
    """Publish a version, unless it is published, and return the address of its page."""
    files = sorted(packages.glob("*.zip"))
    if not files:
        raise InputError(str(packages), "it contains no zip", "Run: phaseline package")
    with console.step("Draft the release"):
        release = releases.draft(version.tag, commit, notes)
    with console.step(f"Attach {len(files)} packages") as step:
        releases.upload(release, files)
        step.result = "" if release.draft else "skipped: a published release does not change"
    with console.step("Publish the release"):
        return str(releases.publish(release).html_url)


def as_lines(
    version: Version, commit: str, publication: RemainingWork, url: str | None
) -> Iterator[str]:
    """Return the result for people."""
    if url is None:
        yield f"{version.tag} would be {commit}."
        if publication.moves:
            yield f"{version.moving_tag} would name it, too."
        return
    yield f"{version.tag} is {commit}: {url}"
    if publication.moves:
        yield f"{version.moving_tag} names it, too."
    else:
        yield f"{version.moving_tag} stays at a newer version."
