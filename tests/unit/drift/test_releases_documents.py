"""The documents and their releases, compared with the ledger."""

from collections.abc import Iterable
from dataclasses import asdict

from phaseline.errors import RemoteCallError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from tests.builders.drift import World
from tests.builders.site import METADATA


def test_edited_document_is_found_with_its_changes(world: World) -> None:
    last = world.documents.read("opt").version_id
    world.item("9")
    version = world.edit(a="9")

    finding = next(one for one in world.look().findings if one.kind == "edited-document")

    assert (finding.subject, finding.found) == ("document opt", f"version {version}")
    assert "opt/a: 1 -> 9" in finding.sentence
    assert f"compared with version {last}" in finding.sentence
    assert finding.repair is None


def test_edit_is_found_until_a_release_replaces_it(world: World) -> None:
    """A release of another algorithm does not hide it."""
    world.edit(a="0.1")
    world.item("0.1")
    for version in ("1", "2"):
        world.stream(version, algorithm="b")
    world.publish()
    assert "edited-document" in world.found().values()

    world.stream("3")
    world.publish()

    assert world.found() == {}


def test_each_edit_is_a_finding(world: World) -> None:
    world.stream("1", algorithm="b")
    first = world.edit(a="0.1")
    world.stream("1", algorithm="c")
    second = world.edit(b="0.1")
    for name in "ab":
        world.item("0.1", algorithm=name)
    world.publish()

    report = world.look()
    found = {one.found: one.sentence for one in report.findings if one.kind == "edited-document"}

    assert set(found) == {f"version {first}", f"version {second}"}
    assert "opt/b" in found[f"version {second}"]
    assert "opt/a" not in found[f"version {second}"]


def test_edit_without_an_earlier_version_is_found(world: World) -> None:
    world.edit(a="0.1")
    world.item("0.1")
    listed = world.s3.list_object_versions(Bucket=METADATA, Prefix="metadata/opt.zip")
    for version in listed["Versions"]:
        if not version["IsLatest"]:
            world.s3.delete_object(
                Bucket=METADATA, Key=version["Key"], VersionId=version["VersionId"]
            )
    world.publish()
    assert "edited-document" in world.found().values()

    world.stream("3")
    world.publish()

    assert world.found() == {}


def test_upload_of_equal_content_is_not_an_edit(world: World) -> None:
    world.upload(asdict(world.documents.read("opt").document))
    world.publish()

    assert world.found() == {}


def test_copy_of_a_version_is_not_an_edit(world: World) -> None:
    version = world.documents.read("opt").version_id
    world.edit(a="9")
    world.put_back(version)
    world.publish()

    assert world.found() == {}


def test_restored_older_document_is_found(world: World) -> None:
    old = world.documents.read("opt").version_id
    world.stream("2")
    world.publish()
    world.put_back(old)

    found = world.found()

    assert found["document opt: revision 1 after 2"] == "edited-document"
    assert set(found.values()) == {"edited-document"}


def test_unreadable_document_is_found_with_its_last_good_version(world: World) -> None:
    good = world.documents.read("opt").version_id
    world.s3.put_object(Bucket=METADATA, Key="metadata/opt.zip", Body=b"no zip")
    world.item("1", algorithm="b", type_="in")

    report = world.look()

    assert [one.kind for one in report.findings] == ["lost-promotion", "unreadable-document"]
    assert good in report.findings[1].sentence
    assert [one.subject for one in report.failures] == ["document opt"]


def test_served_release_that_is_open_is_found(world: World) -> None:
    world.stream("2")
    world.publish(verify=False)
    (release,) = world.ledger.open_releases("opt")

    (finding,) = world.look().findings

    assert (finding.kind, finding.found) == ("open-release", release.release_id)
    assert finding.repair is not None
    assert finding.repair.target == {"type": "opt", "release": release.release_id}


def test_releases_of_a_writer_that_died_are_recorded_and_closed(world: World) -> None:
    ledger = world.ledger

    class Dead(Ledger):
        def record(self, releases: Iterable[Release], *, at: str) -> None:
            raise RemoteCallError("the ledger", "no answer", at)

    world.ledger = Dead(ledger.client, ledger.table)
    world.stream("2")
    world.ledger = ledger
    world.publish()

    report = world.look()

    assert [(one.kind, one.found) for one in report.findings] == [
        ("unsettled-document", "revision 2")
    ]
    sentences = [one.sentence for one in world.mend(report)]
    assert sentences == ["revision 2 of the document opt is recorded"]
    assert world.found() == {}
    mended = next(world.ledger.releases("opt", "a"))
    assert (mended.version, mended.previous, mended.state) == ("2", "1", "verified")
    assert mended.can_return


def test_a_release_written_by_hand_is_an_edit_and_not_recorded(world: World) -> None:
    body = asdict(world.documents.read("opt").document)
    body["algorithms"]["b"] = {**body["algorithms"]["a"], "release": "opt-b-1-made-up"}
    world.upload(body)
    world.item("1", algorithm="b")
    world.publish()

    assert [one.kind for one in world.look().findings] == ["edited-document"]
    assert list(world.ledger.releases("opt", "b")) == []


def test_execution_in_progress_explains_an_open_release(world: World) -> None:
    world.stream("2")
    world.publish(verify=False)
    world.run("e1", "InProgress")

    assert "execution e1 is in progress" in world.explained()["opt/a"]
