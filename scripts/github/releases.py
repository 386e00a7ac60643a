"""GitHub releases of this repository, and its tags. Each method may be repeated.

A release is a draft until its files are complete. The request that publishes it creates its tag.
https://docs.github.com/en/rest/releases/releases
https://docs.github.com/en/rest/git/refs
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.github import api

if TYPE_CHECKING:
    from github.GitRef import GitRef
    from github.GitRelease import GitRelease
    from github.Repository import Repository

PERMISSION = "contents: write"
PREFIX = "refs/tags/"


@dataclass(frozen=True)
class Releases:
    """The releases of one repository. `sleep` pauses between attempts, in seconds."""

    repository: "Repository"
    where: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Releases":
        """Return the releases of the job's repository.

        Raises ConfigurationError if a variable for it is not set.
        """
        repository = api.repository(environ, "this command")
        return cls(repository, f"the releases of {environ['GITHUB_REPOSITORY']}")

    def tags(self) -> dict[str, str]:
        """Return the commits of all tags, by their names.

        An annotated tag, which only a person makes, has the name of its object in place of the
        commit's.
        """
        return self._retry(
            lambda: {ref.ref.removeprefix(PREFIX): ref.object.sha for ref in self._refs()}
        )

    def draft(self, tag: str, commit: str, notes: str) -> "GitRelease":
        """Return the release of a tag: the published one as it is, or a draft with these notes."""

        def attempt() -> "GitRelease":
            present = self._find(tag)
            if present is None:
                return self.repository.create_git_release(
                    tag, tag, notes, draft=True, target_commitish=commit
                )
            if not present.draft:
                return present
            return present.update_release(
                tag, notes, draft=True, tag_name=tag, target_commitish=commit
            )

        return self._retry(attempt)

    def upload(self, release: "GitRelease", files: Sequence[Path]) -> None:
        """Give a draft exactly these files. Files that it has already are not uploaded again.

        The files of a published release stay as they are.
        """
        if not release.draft:
            return
        digests = {file.name: _digest(file) for file in files}

        def attempt() -> None:
            present = set()
            for asset in release.get_assets():
                # An upload that was cut off leaves a file in another state than uploaded.
                if digests.get(asset.name) == asset.digest and asset.state == "uploaded":
                    present.add(asset.name)
                else:
                    asset.delete_asset()
            for file in files:
                if file.name not in present:
                    release.upload_asset(str(file), content_type="application/zip")

        self._retry(attempt)

    def publish(self, release: "GitRelease") -> "GitRelease":
        """Publish a draft, which creates its tag, and return it. A published release stays so."""
        if not release.draft:
            return release
        return self._retry(
            lambda: release.update_release(
                release.name,
                release.body,
                draft=False,
                tag_name=release.tag_name,
                target_commitish=release.target_commitish,
            )
        )

    def move(self, tag: str, commit: str) -> bool:
        """Let a tag name a commit. Return False if it did already."""
        moved = False

        def attempt() -> bool:
            nonlocal moved
            present = next((ref for ref in self._refs() if ref.ref == PREFIX + tag), None)
            if present and present.object.sha == commit:
                return moved
            moved = True
            if present:
                present.edit(commit, force=True)
            else:
                self.repository.create_git_ref(PREFIX + tag, commit)
            return True

        return self._retry(attempt)

    def _refs(self) -> "Iterable[GitRef]":
        # Without a slash in it, because the library would encode a slash.
        return self.repository.get_git_matching_refs("tags")

    def _find(self, tag: str) -> "GitRelease | None":
        """Return the release of a tag, published or else a draft: a draft has no tag yet."""
        found = [one for one in self.repository.get_releases() if one.tag_name == tag]
        return min(found, key=lambda one: one.draft, default=None)

    def _retry(self, attempt: "Callable[[], api.T]") -> "api.T":
        return api.retry(attempt, where=self.where, permission=PERMISSION, sleep=self.sleep)


def _digest(file: Path) -> str:
    """Return the digest of a file as GitHub shows it for an asset."""
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
