"""Start the stand-ins for GitHub's API, Slack's API and the edge together, on free ports.

    python -m local.standins --endpoint URL --ports-file FILE

writes `{"github": "http://...", "slack": "http://.../api/", "edge": "http://..."}` to the file when
all three answer, and runs until SIGTERM or SIGINT.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import urllib3

from local import github
from local.cdn.edge import Edge
from local.github.hub import Hub
from local.github.oidc import ISSUER
from local.serving import Server, serve
from local.slack import app
from local.waiting import PATIENCE
from local.workflows.runner import Runner, Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

CHANNELS = {"releases": "C0RELEASES"}
REPOSITORIES = ("acme/automation", "acme/storefront")
TEAM = "platform"
"""A team of the repositories' owner that may write to them. .github/CODEOWNERS names it."""
GITHUB_TOKEN = "github-token-of-the-local-system"  # noqa: S105 - opens nothing but the stand-in
SLACK_TOKEN = "xoxb-token-of-the-local-system"  # noqa: S105 - the same


@dataclass(frozen=True)
class Standins:
    """The running stand-ins and their addresses."""

    github_url: str
    slack_url: str
    edge_url: str
    edge: Edge
    hub: Hub
    _servers: tuple[Server, ...]
    _runner: Runner | None

    def addresses(self) -> dict[str, str]:
        """Return the content of the ports file: the URLs of GitHub, Slack and the edge."""
        return {"github": self.github_url, "slack": self.slack_url, "edge": self.edge_url}

    def stop(self) -> None:
        """Stop the running workflows and all three stand-ins."""
        if self._runner:
            self._runner.stop()
        for server in self._servers:
            server.stop()


def start(
    *,
    cloudfront: "CloudFrontClient",
    endpoint: str,
    distribution_id: str = "",
    github_token: str = GITHUB_TOKEN,
    repositories: Collection[str] = REPOSITORIES,
    slack_token: str = SLACK_TOKEN,
    channels: Mapping[str, str] = CHANNELS,
    workflows: Settings | None = None,
) -> Standins:
    """Start all three stand-ins in threads of this process.

    `endpoint` is the emulator's address, `cloudfront` a client of it. Without `distribution_id`
    the edge answers 502 until Edge.serve_distribution sets one. With `workflows`, the events that
    GitHub receives run workflows.
    """
    edge = Edge(cloudfront=cloudfront, endpoint=endpoint, distribution_id=distribution_id)
    hub = Hub(token=github_token, repositories=repositories)
    for repository in hub.repositories.values():
        repository.teams[TEAM] = "push"
    runner = Runner(hub, workflows) if workflows else None
    servers = (
        serve(github.serving(hub, runner)),
        serve(app.application(token=slack_token, channels=channels)),
        serve(edge),
    )
    if runner:
        runner.url = servers[0].url
        jwks = f"{runner.url}/.well-known/jwks"
        keys = urllib3.request("GET", jwks, timeout=PATIENCE).json()
        issuer = {"issuer": ISSUER, **keys}
        urllib3.request("POST", f"{endpoint}/_phaseline/oidc", json=issuer, timeout=PATIENCE)
    return Standins(
        github_url=servers[0].url,
        slack_url=f"{servers[1].url}/api/",
        edge_url=servers[2].url,
        edge=edge,
        hub=hub,
        _servers=servers,
        _runner=runner,
    )


def main() -> int:
    """Run the stand-ins until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.standins")
    parser.add_argument("--endpoint", required=True, help="the emulator's address")
    parser.add_argument("--ports-file", required=True, type=Path, help="written when all are up")
    parser.add_argument("--distribution", default="", help="id of the edge's distribution")
    parser.add_argument("--repository", action="append", help="owner/name that GitHub knows")
    parser.add_argument("--github-token", default=GITHUB_TOKEN)
    parser.add_argument("--slack-token", default=SLACK_TOKEN)
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = start(
        cloudfront=boto3.client("cloudfront", endpoint_url=options.endpoint),
        endpoint=options.endpoint,
        distribution_id=options.distribution,
        github_token=options.github_token,
        repositories=options.repository or REPOSITORIES,
        slack_token=options.slack_token,
    )
    unfinished = options.ports_file.with_suffix(".part")
    unfinished.write_text(json.dumps(running.addresses()) + "\n", encoding="utf-8")
    unfinished.replace(options.ports_file)
    stop.wait()
    running.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
