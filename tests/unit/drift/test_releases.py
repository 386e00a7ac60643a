"""Looking whether the table, the documents, the ledger and the website are the same."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phaseline.drift.releases import OVERDUE, PAGES
from phaseline.drift.website_rules import BUILD, INVALIDATE
from phaseline.errors import RemoteCallError
from phaseline.releases.ledger import Ledger
from phaseline.releases.release import Release
from phaseline.site import manifests
from phaseline.site.publication import Publication, Retained
from tests.builders import drift
from tests.builders.calls import Calls
from tests.builders.drift import World
from tests.builders.site import METADATA, SITE, rewrite

TESTS = "PACKAGE_TESTS_RUNNING"


@pytest.fixture
def world() -> Iterator[World]:
    with drift.world() as made:
        yield made


def test_equal_states_have_no_findings_after_one_pass(world: World) -> None:
    report = world.look()

    assert (report.findings, report.explained, report.failures) == ((), (), ())
    assert (report.fingerprint, world.looks) == ("", 0)


def test_new_environment_has_no_findings() -> None:
    with drift.new() as made:
        assert made.found() == {}


def test_lost_promotion_is_found_with_its_repair(world: World) -> None:
    world.item("2")
    world.item("1", algorithm="b")

    (one, other) = world.look().findings

    assert (one.kind, one.subject) == ("lost-promotion", "opt/a")
    assert "2 is tested but was never released; 1 is active" in one.sentence
    assert (other.subject, other.found) == ("opt/b", "1 is tested, nothing is active")
    assert one.repair is not None
    after = world.documents.read("opt").document.algorithms["a"].release
    assert one.repair.target == {
        "type": "opt", "algorithm": "a", "version": "2", "after": after,
    }  # fmt: skip


def test_difference_only_in_the_first_pass_is_not_a_finding(world: World) -> None:
    world.item("2")

    def arrive() -> None:
        world.stream("2")
        world.publish()

    world.settling = arrive

    assert world.found() == {}
    assert world.looks == 1


def test_difference_only_in_the_second_pass_is_not_a_finding(world: World) -> None:
    world.item("1", algorithm="b")
    world.settling = lambda: world.item("2")

    assert world.found() == {"opt/b: 1 is tested, nothing is active": "lost-promotion"}


def test_tested_version_below_the_active_one_is_not_a_finding(world: World) -> None:
    world.item("0.9")
    world.item("2", phase=TESTS)

    assert world.found() == {}


def behind_a_hold(world: World) -> str:
    world.ask("hold")
    world.stream("2")
    return "waits behind a hold"


def behind_a_freeze(world: World) -> str:
    world.ask("hold", algorithms=())
    world.stream("2")
    return "waits behind a hold"


def marked_bad(world: World) -> str:
    world.stream("2")
    world.publish()
    world.ask("rollback")
    return "ana marked it bad: why"


def pinned(world: World) -> str:
    world.stream("2")
    world.publish()
    world.ask("promote", "1")
    return "ana made 1 active afterwards"


def in_the_order_of_the_stream(world: World) -> str:
    world.stream("3")
    world.stream("2")
    return "3 is tested and was released before"


def in_the_order_of_one_batch(world: World) -> str:
    world.batch("3", "2")
    return "3 is tested and was released before"


@pytest.mark.parametrize(
    "happened",
    [
        behind_a_hold,
        behind_a_freeze,
        marked_bad,
        pinned,
        in_the_order_of_the_stream,
        in_the_order_of_one_batch,
    ],
)
def test_inactive_newest_version_is_explained(
    world: World, happened: Callable[[World], str]
) -> None:
    """By a hold, a bad mark, a person's decision or the order of the stream."""
    why = happened(world)
    world.publish()

    ((subject, sentence),) = world.explained().items()
    assert subject == "opt/a"
    assert why in sentence


def test_version_that_entered_the_phase_again_can_be_lost_again(world: World) -> None:
    world.stream("2")
    world.publish()
    world.stream("2", phase=TESTS, old_phase=drift.PHASE)
    world.publish()
    assert world.found() == {}

    world.item("2")

    assert world.found() == {"opt/a: 2 is tested, 1 is active": "lost-promotion"}


@pytest.mark.parametrize("version", ["2", "0.9"])
def test_version_promoted_and_withdrawn_in_one_batch_is_not_a_finding(
    world: World, version: str
) -> None:
    """Neither before the next publication nor after it: its releases end with that."""
    world.item(version, phase=TESTS)
    world.records((version, drift.PHASE, TESTS), (version, TESTS, drift.PHASE))
    world.publish()
    assert world.found() == {}
    assert world.explained() == {}


def test_lost_promotion_on_hold_has_no_repair(world: World) -> None:
    world.ask("hold")
    world.publish()
    world.item("2")

    (finding,) = world.look().findings

    assert finding.repair is None
    assert "on hold by ana (why): resume it first" in finding.sentence


def test_invalid_item_is_found_with_its_attribute(world: World) -> None:
    world.item("2", type_="sideways")

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("lost-promotion", None)
    assert "attribute 'type'" in finding.sentence


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        (lambda world: world.item("1", phase=TESTS), "has left the phase"),
        (lambda world: world.remove("1"), "has no item"),
        (lambda world: world.item("1", type_="in"), "is of another type"),
    ],
)
def test_lost_withdrawal_is_found_without_repair(
    world: World, happened: Callable[[World], None], found: str
) -> None:
    happened(world)

    finding = next(one for one in world.look().findings if one.subject == "opt/a")

    assert (finding.kind, finding.found) == ("lost-withdrawal", f"1 is active and {found}")
    assert finding.repair is None


def test_withdrawal_behind_a_hold_is_explained(world: World) -> None:
    world.ask("hold")
    world.publish()
    world.stream("1", phase=TESTS, old_phase=drift.PHASE)
    world.publish()

    assert "waits behind a hold" in world.explained()["opt/a"]


def test_manually_promoted_version_without_item_is_explained(world: World) -> None:
    world.stream("2")
    world.publish()
    world.ask("promote", "1")
    world.publish()
    world.remove("1")
    world.remove("2")

    assert "its item was removed" in world.explained()["opt/a"]


def test_table_of_a_downstream_environment_is_unchecked(world: World) -> None:
    world.promotes_from = "staging"
    world.item("2")

    report = world.look()

    assert report.findings == ()
    assert report.unchecked == ("algorithms table: versions come from staging",)


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


def test_outdated_website_is_found_with_pending_versions(world: World) -> None:
    world.stream("2")
    world.run("e1", "Failed")

    (finding,) = world.look().findings

    assert (finding.kind, finding.subject) == ("old-site", "website")
    assert (
        "revision 1 of the document 'opt', but the newest is 2 (opt/a: 1 -> 2)" in finding.sentence
    )


def test_execution_in_progress_explains_an_outdated_website(world: World) -> None:
    world.run("e1", "InProgress")
    world.run("e2", "Succeeded")
    world.stream("2")

    assert "execution e1 is in progress" in world.explained()["website"]


def test_manifest_with_wrong_versions_is_found(world: World) -> None:
    stored = world.documents.read("opt")
    wrong = {"version_id": stored.version_id, "revision": 1, "versions": {"a": "7"}}
    newest = {type_: world.documents.read(type_) for type_ in ("in", "opt", "out")}
    world.edge[manifests.NAME] = world.manifest(newest, opt=wrong)
    world.put(manifests.NAME, world.edge[manifests.NAME])
    state = json.loads(
        world.s3.get_object(Bucket=METADATA, Key="state/published.json")["Body"].read()
    )
    state["keys"][manifests.NAME] = world.fetch("").digest
    world.s3.put_object(
        Bucket=METADATA, Key="state/published.json", Body=json.dumps(state).encode()
    )

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert "opt/a: 7 -> 1" in finding.sentence


@pytest.mark.parametrize(
    ("happened", "found"),
    [
        (lambda world: world.put("index.html", b"by hand"), "index.html"),
        (lambda world: world.put("more.html", b"by hand"), "more.html"),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key="index.html"), "index.html"),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key=manifests.NAME), manifests.NAME),
    ],
)
def test_manual_change_of_the_bucket_is_found(
    world: World, happened: Callable[[World], Any], found: str
) -> None:
    happened(world)
    world.edge |= {
        item["Key"]: world.s3.get_object(Bucket=SITE, Key=item["Key"])["Body"].read()
        for item in world.s3.list_objects_v2(Bucket=SITE)["Contents"]
    }

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert found in finding.sentence


@pytest.mark.parametrize(
    ("happened", "is_found"),
    [
        (lambda world: None, False),
        (lambda world: world.s3.delete_object(Bucket=SITE, Key="old.js"), False),
        (lambda world: world.put("old.js", b"by hand"), True),
        (lambda world: rewrite(world.s3, "old.js", ContentType="text/plain"), True),
    ],
    ids=["kept", "deleted", "replaced", "rewritten"],
)
def test_retained_file_is_found_only_if_somebody_wrote_it(
    world: World, happened: Callable[[World], Any], is_found: bool
) -> None:
    """It stays for browsers that hold an older page."""
    world.put("old.js", b"//")
    listed = world.site.listing()["old.js"]
    state, etag = world.site.published()
    assert state
    kept = Retained(listed.digest, listed.modified, world.at)
    assert world.site.remember(replace(state, retained={"old.js": kept}), etag)
    happened(world)

    found = world.found()

    assert list(found.values()) == (["wrong-site"] if is_found else [])
    assert all("old.js" in what for what in found)


def test_abandoned_publication_is_found(world: World) -> None:
    published, etag = world.site.published()
    plan = Publication("e7", "published", None, {}, (), {}, number=2)
    assert world.site.begin(plan, published, etag)

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert "execution e7 began to publish" in finding.sentence


def test_outdated_manifest_in_the_cache_is_found(world: World) -> None:
    old = dict(world.edge)
    world.stream("2")
    world.publish()
    world.edge = old

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("old-cache", INVALIDATE)


def test_outdated_page_in_the_cache_is_found(world: World) -> None:
    page = world.edge["index.html"]
    world.stream("2")
    world.publish()
    world.edge["index.html"] = page

    (finding,) = world.look().findings

    assert finding.kind == "old-cache"
    assert "index.html" in finding.sentence


def test_a_page_that_is_served_as_a_download(world: World) -> None:
    """Right content with other headers than the bucket has is an old answer of the edge."""
    world.headers = world.headers | {"content-type": "application/octet-stream"}

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("old-cache", INVALIDATE)
    assert "index.html as application/octet-stream" in finding.sentence


def test_headers_that_somebody_changed_in_the_bucket(world: World) -> None:
    """The content stays, and the object is another one; a build mends it."""
    rewrite(world.s3, "index.html", ContentType="application/octet-stream")

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("wrong-site", BUILD)
    assert "not as it was published: index.html" in finding.sentence


def test_cached_page_is_correct_if_only_the_bucket_was_edited(world: World) -> None:
    world.put("index.html", b"by hand")

    assert set(world.found().values()) == {"wrong-site"}


def test_invalid_manifest_is_a_finding_and_no_answer_a_failure(world: World) -> None:
    world.edge[manifests.NAME] = b"<html>"
    (finding,) = world.look().findings
    assert finding.kind == "old-cache"

    del world.edge[manifests.NAME]
    report = world.look()
    assert report.findings == ()
    assert [one.subject for one in report.failures] == ["website"]


def test_pages_beyond_the_limit_are_unchecked(world: World) -> None:
    for number in range(PAGES + 1):
        world.put(f"deep/{number}.html", b"page")
        world.edge[f"deep/{number}.html"] = b"page"

    assert "website: 2 pages beyond the first 50" in world.look().unchecked


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


def test_overdue_dispatch_is_found(world: World) -> None:
    world.github_is_down = True
    world.stream("2")
    world.publish()
    assert world.found() == {}

    world.time += OVERDUE + timedelta(seconds=1)

    assert world.found() == {"document opt: revision 2": "owed-dispatch"}


def test_denied_call_is_a_failure_and_the_others_are_checked(world: World) -> None:
    Calls(world.dynamodb, Scan=lambda _: "AccessDeniedException")
    world.stream("2")

    report = world.look()

    assert [one.kind for one in report.findings] == ["old-site"]
    (failure,) = report.failures
    assert failure.subject == "algorithms table"
    assert "AccessDenied" in failure.sentence


def test_ended_session_ends_the_check(world: World) -> None:
    """It is no failure of one check, because no other check could succeed."""
    Calls(world.dynamodb, Scan=lambda _: "ExpiredTokenException")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        world.look()


def test_ledger_is_read_only_for_differing_algorithms(world: World) -> None:
    for number in range(20):
        world.stream("1", algorithm=f"n{number}")
    world.publish()
    calls = Calls(world.dynamodb, Query=lambda _: None)

    assert world.found() == {}

    assert {query.get("IndexName") for query in calls.of("Query")} == {"open"}
