"""release.yml publishes a version of the repository: its tags, notes and attested packages."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from local.github import repositories
from local.system import ROOT
from phaseline.deploy.plan import FUNCTIONS
from tests.workflows.conftest import NAME, QUICK, GitHub, succeeded

CHANGELOG = "# Changelog\n\n## {version} - 2026-11-27\n\n- {notes}\n"


@pytest.fixture
def checkout(hub: GitHub) -> GitHub:
    """GitHub with this repository."""
    push_url = f"{hub.url}/_phaseline/push"
    repositories.ensure(hub.git_root, NAME, folder=ROOT, push_url=push_url)
    return hub


def prepare(hub: GitHub, version: str, notes: str) -> str:
    """Push the notes of a version; the commit. The push starts no workflow."""
    changelog = CHANGELOG.format(version=version, notes=notes)
    changes: dict[str, str | None] = {"CHANGELOG.md": changelog, "Makefile": QUICK}
    if not tags(hub):
        changes |= {f".github/workflows/{name}.yml": None for name in ("codeql", "deploy")}
    return hub.push(changes)


def publish(hub: GitHub, version: str) -> dict[str, Any]:
    """Start release.yml by hand; the run at its end."""
    asked = {"ref": "main", "inputs": {"version": version}}
    assert hub.api("/actions/workflows/release.yml/dispatches", asked).status in (200, 204)
    return hub.run("release.yml")


def tags(hub: GitHub) -> dict[str, str]:
    """The tags of the repository's git, with their commits."""
    listed = hub.api("/git/matching-refs/tags/v").json()
    bare = repositories.location(hub.git_root, NAME)
    known = repositories.git("for-each-ref", "--format=%(refname)", "refs/tags", cwd=bare)
    assert sorted(known.split()) == [one["ref"] for one in listed]
    return {one["ref"].rpartition("/")[2]: one["object"]["sha"] for one in listed}


def test_version_is_published_with_attested_packages(checkout: GitHub) -> None:
    """Its tag is at the commit of the run, and each attached zip has the attestation of the run.

    The same version is refused for a later commit.
    """
    commit = prepare(checkout, "1.0.0", "First.")
    run = succeeded(publish(checkout, "1.0.0"))
    assert run["jobs"] == {"Plan": "success", "Check": "success", "Publish": "success"}
    assert tags(checkout) == {"v1": commit, "v1.0.0": commit}
    (release,) = checkout.api("/releases").json()
    assert (release["draft"], release["body"]) == (False, "- First.")
    assert [asset["name"] for asset in release["assets"]] == [
        f"{name}.zip" for name in sorted(FUNCTIONS)
    ]
    for asset in release["assets"]:
        (attestation,) = checkout.api(f"/attestations/{asset['digest']}").json()["attestations"]
        envelope = attestation["bundle"]["dsseEnvelope"]
        statement = json.loads(base64.b64decode(envelope["payload"]))
        builder = statement["predicate"]["buildDefinition"]["externalParameters"]["workflow"]
        workflow = f"{NAME}/.github/workflows/release.yml@refs/heads/main"
        assert (builder["sha"], builder["job_workflow_ref"]) == (commit, workflow)

    prepare(checkout, "1.0.0", "Changed.")
    run = publish(checkout, "1.0.0")
    assert (run["conclusion"], run["jobs"]["Plan"]) == ("failure", "failure")
    assert f"it names the commit {commit}" in Path(run["log"]).read_text()
    assert tags(checkout) == {"v1": commit, "v1.0.0": commit}


def test_changed_list_of_packages_is_audited(hub: GitHub, tmp_path: Path) -> None:
    """A push that changes no list starts nothing."""
    name = "acme/shop"
    audit = ".github/workflows/audit.yml"
    makefile = "audit:\n\t@echo nothing is known\n"
    files = {audit: (ROOT / audit).read_text(), "Makefile": makefile, "requirements.txt": "a==1\n"}
    hub.add(name, files, tmp_path / "shop")
    hub.push({"README.md": "Nothing.\n"}, name=name)
    hub.push({"requirements.txt": "a==2\n"}, name=name)
    run = succeeded(hub.run("audit.yml"))
    assert (len(hub.control("runs")), run["jobs"]) == (1, {"Audit": "success"})
