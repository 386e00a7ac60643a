"""A GitHub release and its tags, also if a request fails before or after its effect."""

import hashlib
from pathlib import Path

import pytest

from scripts.github.releases import Releases
from tests.builders.github_releases import GitHub
from tests.builders.github_releases import served as served  # a fixture

TAG, COMMIT = "v1.2.0", "c" * 40


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two packages."""
    made = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for file in made:
        file.write_bytes(file.name.encode())
    return made


def publish(releases: Releases, files: list[Path]) -> None:
    """Take every step, as the command does."""
    release = releases.draft(TAG, COMMIT, "- New.")
    releases.upload(release, files)
    assert releases.publish(release).html_url.endswith(TAG)
    releases.move("v1", COMMIT)


def test_release_has_its_files_before_its_tag_exists(served: GitHub, files: list[Path]) -> None:
    releases = served.releases
    release = releases.draft(TAG, COMMIT, "- New.")
    releases.upload(release, files)
    assert served.shown() == [(TAG, True, ["a.zip", "b.zip"])]
    assert served.repository.tags == {}

    releases.publish(release)
    assert served.shown() == [(TAG, False, ["a.zip", "b.zip"])]
    assert served.repository.tags == {TAG: COMMIT}
    (asset, _) = served.repository.assets.values()
    assert asset["digest"] == f"sha256:{hashlib.sha256(b'a.zip').hexdigest()}"
    assert releases.draft(TAG, COMMIT, "other").body == "- New."


STEPS = [
    ("POST", "/releases"),
    ("POST", "/assets"),
    ("PATCH", "/releases/1"),
    ("POST", "/git/refs"),
    ("GET", "/releases"),
    ("GET", "/git/matching-refs/tags"),
]


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["before", "after"])
@pytest.mark.parametrize(("method", "path"), STEPS)
def test_lost_request_or_answer_makes_no_second_release(
    served: GitHub, files: list[Path], method: str, path: str, fault: dict[str, object]
) -> None:
    served.fails(method=method, path=path, **fault)
    publish(served.releases, files)
    assert served.shown() == [(TAG, False, ["a.zip", "b.zip"])]
    assert served.repository.tags == {TAG: COMMIT, "v1": COMMIT}


def test_run_that_died_is_continued(served: GitHub, files: list[Path]) -> None:
    """A later run takes the draft over: with its own commit, notes and files."""
    releases = served.releases
    releases.upload(releases.draft(TAG, "a" * 40, "- Old."), files)
    files[0].write_bytes(b"changed")
    files[1] = files[1].rename(files[1].with_name("c.zip"))
    publish(releases, files)
    publish(releases, files[:1])  # changes nothing: its draft is published
    assert served.shown() == [(TAG, False, ["a.zip", "c.zip"])]
    assert served.repository.tags == {TAG: COMMIT, "v1": COMMIT}


def test_moving_tag_moves_once(served: GitHub) -> None:
    releases = served.releases
    assert [releases.move("v1", commit) for commit in ("a", "a", "b")] == [True, False, True]
    releases.move("v10", "x")
    assert releases.tags() == {"v1": "b", "v10": "x"}
