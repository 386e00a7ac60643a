"""The stand-in for GitHub with one repository, and the client of its releases."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local import github
from local.github.hub import Hub, Repository
from local.serving import serve
from scripts.github.releases import Releases
from tests.standins.conftest import call

NAME, TOKEN = "acme/automation", "right"


@dataclass
class GitHub:
    """The stand-in for GitHub, and the releases of its one repository."""

    url: str
    hub: Hub
    environ: dict[str, str]

    @property
    def repository(self) -> Repository:
        return self.hub.repository(NAME)

    @property
    def releases(self) -> Releases:
        """A client that does not pause."""
        return replace(Releases.of(self.environ), sleep=lambda _: None)

    def fails(self, **fault: Any) -> None:
        """Let requests fail: `status` without an effect, `drop` with one whose answer is lost."""
        assert call(f"{self.url}/_phaseline/faults", method="POST", body=fault).status == 204

    def shown(self) -> list[tuple[str, bool, list[str]]]:
        """Each release's tag, whether it is a draft, and the names of its files."""
        return [
            (
                release["tag_name"],
                release["draft"],
                [
                    asset["name"]
                    for asset in self.repository.assets.values()
                    if asset["release"] == number
                ],
            )
            for number, release in self.repository.releases.items()
        ]


@pytest.fixture
def served() -> Iterator[GitHub]:
    """GitHub, without a tag or release. Any name of a commit is one."""
    hub = Hub(token=TOKEN, repositories=[NAME])
    hub.head = lambda _name, ref: ref
    server = serve(github.serving(hub, None))
    environ = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_API_URL": server.url,
    }
    yield GitHub(server.url, hub, environ)
    server.stop()
