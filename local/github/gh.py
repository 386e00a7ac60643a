"""`gh` of the local GitHub, as far as docs/operations.md uses it: `gh workflow run` and `gh api`.

It asks the API at GITHUB_API_URL, of the repository GH_REPO, with the token GH_TOKEN, and takes the
options, placeholders and exit codes of GitHub's own.
https://cli.github.com/manual/gh_workflow_run
https://cli.github.com/manual/gh_api
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import urllib3

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=CONTEXT)
def main() -> None:
    """GitHub from a terminal."""


@main.group()
def workflow() -> None:
    """What workflows there are."""


@workflow.command()
@click.argument("file")
@click.option("-F", "--field", "fields", multiple=True, help="An input, or @FILE as its value.")
@click.option("-f", "--raw-field", "raw", multiple=True, help="An input, as it is.")
@click.option("-r", "--ref", help="The branch; the default one unless given.")
def run(file: str, fields: Iterable[str], raw: Iterable[str], ref: str | None) -> None:
    """Start a workflow that has workflow_dispatch."""
    known = call("GET", f"actions/workflows/{file}")
    branch = ref or call("GET", "")["default_branch"]
    inputs = dict(map(_pair, raw)) | {name: _read(text) for name, text in map(_pair, fields)}
    call("POST", f"actions/workflows/{known['id']}/dispatches", {"ref": branch, "inputs": inputs})
    click.echo(f"Created workflow_dispatch event for {file} at {branch}")


@main.command()
@click.argument("endpoint")
def api(endpoint: str) -> None:
    """Get what an endpoint has; {owner} and {repo} stand for those of the repository."""
    owner, _, repository = os.environ["GH_REPO"].partition("/")
    path = endpoint.replace("{owner}", owner).replace("{repo}", repository).lstrip("/")
    click.echo(json.dumps(_request("GET", path), indent=2))


def call(method: str, path: str, body: Any = None) -> Any:
    """Ask the API about the repository."""
    return _request(method, f"repos/{os.environ['GH_REPO']}/{path}".rstrip("/"), body)


def _request(method: str, path: str, body: Any = None) -> Any:
    """The answer. An error is told as gh does, which then exits with 1."""
    answer = urllib3.request(
        method,
        f"{os.environ['GITHUB_API_URL']}/{path}",
        json=body,
        headers={"Authorization": f"Bearer {os.environ['GH_TOKEN']}", "User-Agent": "gh"},
        retries=False,
    )
    found: Any = answer.json() if answer.data else None
    if answer.status >= 400:
        click.echo(f"gh: {found['message']} (HTTP {answer.status})", err=True)
        sys.exit(1)
    return found


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.ClickException(f"field {text!r} requires a value separated by an '=' sign")
    return name, value


def _read(value: str) -> str:
    return Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value


if __name__ == "__main__":
    main(prog_name="gh")
