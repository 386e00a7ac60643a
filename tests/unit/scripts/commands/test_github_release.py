"""The command that publishes a version of this repository."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phaseline.errors import ConfigurationError, InputError, RefusedError
from scripts.cli import checkout
from scripts.commands import github_release
from tests.builders.github_releases import GitHub
from tests.builders.github_releases import served as served  # a fixture

COMMIT = "c" * 40
CHANGELOG = "# Changelog\n\n## 1.2.0 - 2026-11-27\n\n- New.\n"


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is ready for 1.2.0, with one package."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/a.zip").write_bytes(b"a")
    monkeypatch.setattr(checkout, "root", lambda: tmp_path)
    return tmp_path


def run(served: GitHub, folder: Path, *options: str, **environ: str) -> Result:
    """Run it as the workflow does; the summary goes to a file."""
    given = served.environ | {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": COMMIT}
    given |= {"GITHUB_STEP_SUMMARY": str(folder / "summary"), "PHASELINE_VERSION": "1.2.0"}
    command = github_release.command
    arguments = ["--version", "1.2.0", "--packages", str(folder / "packages"), *options]
    return CliRunner().invoke(command, arguments, env=given | environ)


def test_version_is_published_once(served: GitHub, tmp_path: Path) -> None:
    """The second run finds everything done."""
    for moved in ("now", "already"):
        ran = run(served, tmp_path)
        assert ran.exit_code == 0, ran.exception
        assert f"  {moved} {COMMIT}" in ran.output
        assert served.shown() == [("v1.2.0", False, ["a.zip"])]
        assert served.repository.tags == {"v1.2.0": COMMIT, "v1": COMMIT}
    (release,) = served.repository.releases.values()
    assert (release["body"], release["target_commitish"]) == ("- New.", COMMIT)
    assert "- New." in (tmp_path / "summary").read_text()


def test_dry_run_changes_nothing(served: GitHub, tmp_path: Path) -> None:
    ran = run(served, tmp_path, "--dry-run")
    assert f"v1.2.0 would be {COMMIT}." in ran.output
    assert (served.shown(), served.repository.tags) == ([], {})


def test_older_version_that_is_run_again_leaves_the_moving_tag(
    served: GitHub, tmp_path: Path
) -> None:
    run(served, tmp_path)
    served.repository.tags |= {"v1.3.0": "d", "v1": "d"}
    ran = run(served, tmp_path)
    assert ran.exit_code == 0, ran.exception
    assert "v1 stays at a newer version." in ran.output
    assert served.repository.tags["v1"] == "d"


def test_other_branches_publish_nothing(served: GitHub, tmp_path: Path) -> None:
    ran = run(served, tmp_path, GITHUB_REF="refs/heads/topic")
    assert isinstance(ran.exception, RefusedError)
    ran = run(served, tmp_path, GITHUB_REF="")
    assert isinstance(ran.exception, ConfigurationError)
    assert served.shown() == []


def test_release_without_packages_is_an_error(served: GitHub, tmp_path: Path) -> None:
    (tmp_path / "packages/a.zip").unlink()
    ran = run(served, tmp_path)
    assert isinstance(ran.exception, InputError)
    assert (served.shown(), served.repository.tags) == ([], {})
