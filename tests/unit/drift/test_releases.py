"""Looking whether the table, the documents, the ledger and the website are the same."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phaseline.drift.releases import OVERDUE, PAGES
from phaseline.drift.website_rules import INVALIDATE
from phaseline.site import manifests
from tests.builders import drift
from tests.builders.calls import Calls
from tests.builders.drift import World
from tests.builders.site import METADATA, SITE

TESTS = "PACKAGE_TESTS_RUNNING"


@pytest.fixture
def world() -> Iterator[World]:
    with drift.world() as made:
        yield made


def test_a_clean_system(world: World) -> None:
    """Where all is the same nothing is found, by one look."""
    report = world.look()

    assert (report.findings, report.explained, report.failures) == ((), (), ())
    assert (report.fingerprint, world.looks) == ("", 0)


def test_a_new_system() -> None:
    """Before anything was released and published there is nothing that could differ."""
    with drift.new() as made:
        assert made.found() == {}


def test_a_lost_promotion(world: World) -> None:
    """A tested version that the stream did not bring is found, and how to release it."""
    world.item("2")
    world.item("1", algorithm="b")

    (one, other) = world.look().findings

    assert (one.kind, one.subject) == ("lost-promotion", "opt/a")
    assert "2 is tested and was never released, 1 is active" in one.sentence
    assert (other.subject, other.found) == ("opt/b", "1 is tested, nothing is active")
    assert one.repair is not None
    after = world.documents.read("opt").document.algorithms["a"].release
    assert one.repair.target == {
        "type": "opt", "algorithm": "a", "version": "2", "after": after,
    }  # fmt: skip


def test_what_arrives_late_is_no_finding(world: World) -> None:
    """What the first look finds on its way has arrived at the second."""
    world.item("2")

    def arrive() -> None:
        world.stream("2")
        world.publish()

    world.settling = arrive

    assert world.found() == {}
    assert world.looks == 1


def test_what_comes_between_two_looks_is_no_finding(world: World) -> None:
    """What only the second look finds was not there for long enough."""
    world.item("1", algorithm="b")
    world.settling = lambda: world.item("2")

    assert world.found() == {"opt/b: 1 is tested, nothing is active": "lost-promotion"}


def test_a_lower_version_is_no_promotion(world: World) -> None:
    """A tested version below the active one is an old one."""
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
    return "ana made 1 active after it"


def in_the_order_of_the_stream(world: World) -> str:
    world.stream("3")
    world.stream("2")
    return "3 is tested and had its turn"


def in_the_order_of_one_batch(world: World) -> str:
    world.batch("3", "2")
    return "3 is tested and had its turn"


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
def test_why_the_newest_is_not_active(world: World, happened: Callable[[World], str]) -> None:
    """A hold, a bad mark, a person's decision and the stream's order explain a difference."""
    why = happened(world)
    world.publish()

    ((subject, sentence),) = world.explained().items()
    assert subject == "opt/a"
    assert why in sentence


def test_a_version_that_came_back(world: World) -> None:
    """One that left the phase and entered it again has its turn again."""
    world.stream("2")
    world.publish()
    world.stream("2", phase=TESTS, old_phase=drift.PHASE)
    world.publish()
    assert world.found() == {}

    world.item("2")

    assert world.found() == {"opt/a: 2 is tested, 1 is active": "lost-promotion"}


def test_a_lost_promotion_on_hold(world: World) -> None:
    """It is found, and left to a person: a hold is not gone round."""
    world.ask("hold")
    world.publish()
    world.item("2")

    (finding,) = world.look().findings

    assert finding.repair is None
    assert "on hold by ana (why): resume it first" in finding.sentence


def test_an_item_that_is_none(world: World) -> None:
    """A tested item that can be no release is found, with its attribute."""
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
def test_a_lost_withdrawal(world: World, happened: Callable[[World], None], found: str) -> None:
    """An active version that is not tested any more is found, and left to a person."""
    happened(world)

    finding = next(one for one in world.look().findings if one.subject == "opt/a")

    assert (finding.kind, finding.found) == ("lost-withdrawal", f"1 is active and {found}")
    assert finding.repair is None


def test_a_withdrawal_that_waits(world: World) -> None:
    """A withdrawal behind a hold explains why its version is active."""
    world.ask("hold")
    world.publish()
    world.stream("1", phase=TESTS, old_phase=drift.PHASE)
    world.publish()

    assert "waits behind a hold" in world.explained()["opt/a"]


def test_a_pinned_version_without_an_item(world: World) -> None:
    """What a person made active stays active when its item is removed."""
    world.stream("2")
    world.publish()
    world.ask("promote", "1")
    world.publish()
    world.remove("1")
    world.remove("2")

    assert "its item is gone" in world.explained()["opt/a"]


def test_an_environment_with_one_before_it(world: World) -> None:
    """Where versions come from another environment the table says nothing, which is told."""
    world.promotes_from = "staging"
    world.item("2")

    report = world.look()

    assert report.findings == ()
    assert report.unchecked == ("algorithms table: versions come from staging",)


def test_an_edited_document(world: World) -> None:
    """What somebody wrote past Phaseline is found, with what it changed and against what."""
    last = world.documents.read("opt").version_id
    world.item("9")
    version = world.edit(a="9")

    finding = next(one for one in world.look().findings if one.kind == "edited-document")

    assert (finding.subject, finding.found) == ("document opt", f"version {version}")
    assert "opt/a: 1 -> 9" in finding.sentence
    assert f"compared with version {last}" in finding.sentence
    assert finding.repair is None


def test_an_edit_is_found_behind_later_writes(world: World) -> None:
    """A release of another algorithm does not hide an edit; a release of this one ends it."""
    world.edit(a="0.1")
    world.item("0.1")
    for version in ("1", "2"):
        world.stream(version, algorithm="b")
    world.publish()
    assert "edited-document" in world.found().values()

    world.stream("3")
    world.publish()

    assert world.found() == {}


def test_each_edit_is_found(world: World) -> None:
    """Two edits with a release between them are two findings."""
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


def test_an_edit_with_nothing_of_ours_before_it(world: World) -> None:
    """It is found as long as something of it stands, and ends as any other does."""
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


def test_the_same_content_again(world: World) -> None:
    """An upload that changes nothing is no finding."""
    world.upload(asdict(world.documents.read("opt").document))
    world.publish()

    assert world.found() == {}


def test_a_copied_version_is_ours(world: World) -> None:
    """Who puts a good version back by copying it has not edited the document."""
    version = world.documents.read("opt").version_id
    world.edit(a="9")
    world.put_back(version)
    world.publish()

    assert world.found() == {}


def test_an_older_document_put_back(world: World) -> None:
    """A document with a lower revision than the website shows is found: no build takes it."""
    old = world.documents.read("opt").version_id
    world.stream("2")
    world.publish()
    world.put_back(old)

    found = world.found()

    assert found["document opt: revision 1 after 2"] == "edited-document"
    assert set(found.values()) == {"edited-document"}


def test_an_unreadable_document(world: World) -> None:
    """It is found with its last good version, and all that is not compared with it is told."""
    good = world.documents.read("opt").version_id
    world.s3.put_object(Bucket=METADATA, Key="metadata/opt.zip", Body=b"no zip")
    world.item("1", algorithm="b", type_="in")

    report = world.look()

    assert [one.kind for one in report.findings] == ["lost-promotion", "unreadable-document"]
    assert good in report.findings[1].sentence
    assert [one.subject for one in report.failures] == ["document opt"]


def test_an_old_site(world: World) -> None:
    """A document that no build was made of, and none is, is found with what visitors miss."""
    world.stream("2")
    world.run("e1", "Failed")

    (finding,) = world.look().findings

    assert (finding.kind, finding.subject) == ("old-site", "website")
    assert "revision 1 of the document 'opt', the newest is 2 (opt/a: 1 -> 2)" in finding.sentence


def test_an_execution_explains_an_old_site(world: World) -> None:
    """What runs or waits is about to mend it."""
    world.run("e1", "InProgress")
    world.run("e2", "Succeeded")
    world.stream("2")

    assert "execution e1 is under way" in world.explained()["website"]


def test_a_wrong_manifest(world: World) -> None:
    """A site that shows other versions than what it was built from is found."""
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
def test_a_bucket_edited_by_hand(
    world: World, happened: Callable[[World], Any], found: str
) -> None:
    """What was put into the website's bucket, or taken from it, past the pipeline is found."""
    happened(world)
    world.edge |= {
        item["Key"]: world.s3.get_object(Bucket=SITE, Key=item["Key"])["Body"].read()
        for item in world.s3.list_objects_v2(Bucket=SITE)["Contents"]
    }

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert found in finding.sentence


def test_a_publication_that_was_left(world: World) -> None:
    """An execution that began to publish and never was verified leaves the site in doubt."""
    published, etag = world.site.published()
    assert world.site.begin("e7", published, etag)

    (finding,) = world.look().findings

    assert finding.kind == "wrong-site"
    assert "execution e7 began to publish" in finding.sentence


def test_an_old_cache(world: World) -> None:
    """A manifest of the edge that is not the bucket's is found."""
    old = dict(world.edge)
    world.stream("2")
    world.publish()
    world.edge = old

    (finding,) = world.look().findings

    assert (finding.kind, finding.repair) == ("old-cache", INVALIDATE)


def test_an_old_page(world: World) -> None:
    """So is a page that the edge kept, though its manifest is new."""
    page = world.edge["index.html"]
    world.stream("2")
    world.publish()
    world.edge["index.html"] = page

    (finding,) = world.look().findings

    assert finding.kind == "old-cache"
    assert "index.html" in finding.sentence


def test_a_page_that_only_the_edge_still_has_right(world: World) -> None:
    """Where the bucket was edited, the edge is not told to take that over."""
    world.put("index.html", b"by hand")

    assert set(world.found().values()) == {"wrong-site"}


def test_no_manifest_at_the_edge(world: World) -> None:
    """An answer that is no manifest is a finding; no answer is what could not be checked."""
    world.edge[manifests.NAME] = b"<html>"
    (finding,) = world.look().findings
    assert finding.kind == "old-cache"

    del world.edge[manifests.NAME]
    report = world.look()
    assert report.findings == ()
    assert [one.subject for one in report.failures] == ["website"]


def test_more_pages_than_are_looked_at(world: World) -> None:
    """Pages beyond the first are told as unchecked."""
    for number in range(PAGES + 1):
        world.put(f"deep/{number}.html", b"page")
        world.edge[f"deep/{number}.html"] = b"page"

    assert "website: 2 pages beyond the first 50" in world.look().unchecked


def test_an_open_release(world: World) -> None:
    """A release that visitors are served and that nobody closed is found."""
    world.stream("2")
    world.publish(verify=False)
    (release,) = world.ledger.open_releases("opt")

    (finding,) = world.look().findings

    assert (finding.kind, finding.found) == ("open-release", release.release_id)
    assert finding.repair is not None
    assert finding.repair.target == {"type": "opt", "release": release.release_id}


def test_a_release_that_the_ledger_never_got(world: World) -> None:
    """One whose writer died between document and ledger is found behind later ones, mended once,
    and then known as any other."""
    world.stream("2")
    world.stream("1", algorithm="b")
    (lost,) = (one for one in world.ledger.releases("opt", "a") if one.version == "2")
    world.dynamodb.delete_item(TableName="ledger", Key=lost.key)
    world.publish()

    report = world.look()

    assert [(one.kind, one.found) for one in report.findings] == [
        ("open-release", f"{lost.release_id} is not recorded")
    ]
    assert [one.sentence for one in world.mend(report)] == [f"{lost.release_id} is verified"]
    assert world.found() == {}
    (mended,) = (one for one in world.ledger.releases("opt", "a") if one.version == "2")
    assert (mended.key, mended.previous, mended.state) == (lost.key, "1", "verified")
    assert mended.can_return


def test_a_release_written_by_hand_is_not_recorded(world: World) -> None:
    """It is found, and no repair makes it one of ours."""
    body = asdict(world.documents.read("opt").document)
    body["algorithms"]["b"] = {**body["algorithms"]["a"], "release": "opt-b-1-made-up"}
    world.upload(body)
    world.item("1", algorithm="b")
    world.publish()

    finding = next(one for one in world.look().findings if one.kind == "open-release")

    assert (finding.subject, finding.repair) == ("opt/b", None)


def test_a_verification_under_way_explains_an_open_release(world: World) -> None:
    """An execution that goes on is about to close it."""
    world.stream("2")
    world.publish(verify=False)
    world.run("e1", "InProgress")

    assert "execution e1 is under way" in world.explained()["opt/a"]


def test_a_dispatch_that_is_owed(world: World) -> None:
    """GitHub's ignorance is found once the schedule should have mended it."""
    world.github_is_down = True
    world.stream("2")
    world.publish()
    assert world.found() == {}

    world.time += OVERDUE + timedelta(seconds=1)

    assert world.found() == {"document opt: revision 2": "owed-dispatch"}


def test_what_can_not_be_looked_at(world: World) -> None:
    """A denied call is told as a failure, and the other checks go on."""
    Calls(world.dynamodb, Scan=lambda _: "AccessDeniedException")
    world.stream("2")

    report = world.look()

    assert [one.kind for one in report.findings] == ["old-site"]
    (failure,) = report.failures
    assert failure.subject == "algorithms table"
    assert "AccessDenied" in failure.sentence


def test_nobody_may_look_with_an_ended_session(world: World) -> None:
    """It is no failure of the check that meets it first: no other check would fare better."""
    Calls(world.dynamodb, Scan=lambda _: "ExpiredTokenException")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        world.look()


def test_the_ledger_is_asked_only_about_what_differs(world: World) -> None:
    """Algorithms whose newest version is active cost no query of their own."""
    for number in range(20):
        world.stream("1", algorithm=f"n{number}")
    world.publish()
    calls = Calls(world.dynamodb, Query=lambda _: None)

    assert world.found() == {}

    assert {query.get("IndexName") for query in calls.of("Query")} == {"open", "time"}
