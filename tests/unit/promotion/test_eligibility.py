"""The entries that a request makes active, and the requests that are refused."""

from dataclasses import replace
from typing import Any

import pytest

from phaseline.algorithms.schema import AlgorithmVersion, Schema
from phaseline.documents.document import Document, Mark
from phaseline.documents.entry import Entry
from phaseline.documents.hold import Hold
from phaseline.errors import InputError, RefusedError
from phaseline.promotion.eligibility import (
    Sources,
    eligible_entries,
    refuse_ineligible,
    refuse_withdrawn,
    release_id_of,
)
from phaseline.promotion.listener import Listener
from phaseline.promotion.request import Request
from phaseline.releases.release import identify
from phaseline.site.live import Lives
from tests.builders.requests import LATER, NAME, ask, live_times, moved, release
from tests.builders.requests import listener as listener  # a fixture
from tests.builders.stores import rewrite
from tests.events import stream_record

ACTIVE = Entry("1.0", {}, "r1", "", "0", "t", "bo")
TARGET = Entry("2.0", {}, "r2", "", "0", LATER, "ana")
SEEN = Document("opt", algorithms={"a": ACTIVE})


def request(action: str, **fields: Any) -> Request:
    """A request of Ana for the algorithm `a`."""
    known: dict[str, Any] = {"algorithms": ("a",), "id": "run-1"}
    return Request(action, "opt", reason="because", who="ana", at=LATER, **(known | fields))


def entries(listener: Listener, request: Request) -> dict[str, Entry | None]:
    """The entries of a request; the table has tested versions of the type `opt` alone."""
    commits = listener.commits
    sources = Sources(
        commits.ledger,
        lambda name, version: AlgorithmVersion("opt", name, version, {"of": name}),
        Lives(commits.ledger.client, "ledger"),
    )
    document = commits.documents.read(request.type).document
    return eligible_entries(request, document, commits.documents, sources, was_carried_out=False)


def test_entry_of_a_promotion_has_the_display_of_the_table(listener: Listener) -> None:
    id_ = identify("opt", "a", "2.0", "promote run-1")
    entry = Entry("2.0", {"of": "a"}, id_, "", "0", LATER, "ana")
    assert entries(listener, request("promote", version="2.0")) == {"a": entry}
    assert release_id_of(request("promote"), "a", entry) == id_
    removal = identify("opt", "a", "none", "rollback run-1")
    assert release_id_of(request("rollback"), "a", None) == removal


def test_entry_of_a_rollback_has_the_display_of_the_release(listener: Listener) -> None:
    record = stream_record(1, version="1.0")
    record["dynamodb"]["NewImage"]["display"] = {"M": {"title": {"S": "One"}}}
    listener.process([record], Schema())
    release(listener, "1.0", "2.0")
    back = request("rollback", algorithms=(NAME,))
    id_ = identify("opt", NAME, "1.0", "rollback run-1")
    assert entries(listener, back) == {
        NAME: Entry("1.0", {"title": "One"}, id_, "", "0", LATER, "ana")
    }


@pytest.mark.parametrize("action", ["hold", "resume", "clear"])
def test_only_promotions_and_rollbacks_make_versions_active(
    listener: Listener, action: str
) -> None:
    assert entries(listener, request(action)) == {}


def test_promotion_without_an_upstream_environment_needs_a_version(listener: Listener) -> None:
    with pytest.raises(InputError, match="Name the version"):
        entries(listener, request("promote"))


def test_rollback_to_a_time_changes_only_the_algorithms_that_it_names(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    release(listener, "5.0", "6.0", algorithm="other")
    time = live_times(listener)[0].replace("T20:", "T21:").replace("Z", "+01:00")
    outcome = ask(listener, "rollback", as_of=time)
    assert moved(outcome) == {NAME: ("2.0", "1.0")}


def test_rollback_to_a_time_leaves_what_has_not_changed(listener: Listener) -> None:
    """Also an algorithm that the request names."""
    release(listener, "5.0", algorithm="other")
    release(listener, "1.0", "2.0")
    time = live_times(listener)[1]
    back = request("rollback", algorithms=(NAME, "other"), as_of=time)
    assert entries(listener, back).keys() == {NAME}
    everything = request("rollback", algorithms=(), as_of=time)
    assert entries(listener, everything).keys() == {NAME}


def test_rollback_to_a_time_brings_back_what_was_removed(listener: Listener) -> None:
    """By a rollback to an earlier time: a version that left its phase does not come back."""
    release(listener, "5.0", algorithm="other")
    release(listener, "1.0")
    first, second = live_times(listener)
    assert moved(ask(listener, "rollback", algorithms=(), as_of=first)) == {NAME: ("1.0", None)}
    ask(listener, "clear", "1.0", id="run-2")
    back = request("rollback", algorithms=(), as_of=second, id="run-3")
    (restored,) = entries(listener, back).values()
    assert restored
    assert (restored.version, restored.display["title"]) == ("1.0", "Route planner")


def test_repeated_rollback_to_a_time_returns_the_entries_that_it_made(listener: Listener) -> None:
    """Of the algorithms that it changed, not of those that changed since."""
    release(listener, "1.0", "2.0")
    back: dict[str, Any] = {"algorithms": (NAME,), "as_of": live_times(listener)[0]}
    outcome = ask(listener, "rollback", **back)
    made = outcome.document.document.algorithms
    release(listener, "5.0", algorithm="other")
    assert entries(listener, request("rollback", **back)) == {NAME: made[NAME]}


def test_rollback_to_a_time_brings_back_what_somebody_cut_out(listener: Listener) -> None:
    """A document that was edited by hand may lack an algorithm altogether."""
    release(listener, "1.0")
    (time,) = live_times(listener)
    rewrite(listener.commits.documents, "opt", lambda document: document.revise(algorithms={}))
    back = request("rollback", algorithms=(), as_of=time)
    assert entries(listener, back).keys() == {NAME}


def test_repeated_rollback_to_a_time_removes_an_algorithm_again(listener: Listener) -> None:
    release(listener, "5.0", algorithm="other")
    release(listener, "1.0")
    back: dict[str, Any] = {"algorithms": (), "as_of": live_times(listener)[0]}
    assert ask(listener, "rollback", **back).changed
    assert entries(listener, request("rollback", **back)) == {NAME: None}


def test_repeated_rollback_to_a_time_is_refused_if_one_algorithm_was_changed_since(
    listener: Listener,
) -> None:
    """Also if an algorithm before it is as the request left it."""
    release(listener, "1.0", algorithm="a")
    release(listener, "1.0", algorithm="b")
    back: dict[str, Any] = {"algorithms": ("a", "b"), "as_of": live_times(listener)[1]}
    ask(listener, "promote", "2.0", algorithms=("a",), id="run-a")
    ask(listener, "promote", "2.0", algorithms=("b",), id="run-b")
    expected = {"a": ("2.0", "1.0"), "b": ("2.0", "1.0")}
    assert moved(ask(listener, "rollback", **back)) == expected
    ask(listener, "resume", algorithms=("b",), id="run-2")
    ask(listener, "promote", "3.0", algorithms=("b",), id="run-3")
    with pytest.raises(RefusedError, match=r"opt/b: .*3\.0 has taken its place"):
        ask(listener, "rollback", **back)


def test_rollback_without_a_version_passes_what_is_marked_bad(listener: Listener) -> None:
    """Which is not always the version before: 3.0 was live between 2.0 and 1.0."""
    release(listener, "1.0", "2.0", "3.0")
    ask(listener, "rollback", "1.0")
    ask(listener, "resume", id="run-2")
    ask(listener, "promote", "4.0", id="run-3")
    assert moved(ask(listener, "rollback", id="run-4")) == {NAME: ("4.0", "2.0")}


def test_hold_of_another_person_is_found_behind_ones_own(listener: Listener) -> None:
    ask(listener, "hold", algorithms=("a",))
    ask(listener, "hold", algorithms=("b",), who="ben", id="run-2")
    wanted: dict[str, Any] = {"algorithms": ("a", "b"), "id": "run-3", "until": "2026-12-01T00:00Z"}
    with pytest.raises(RefusedError, match=r"opt/b: ben holds it .* until somebody resumes it:"):
        ask(listener, "hold", **wanted)


def test_rollback_to_a_publication_restores_its_versions(listener: Listener) -> None:
    release(listener, "1.0", "2.0", "3.0")
    outcome = ask(listener, "rollback", publication=2)
    assert moved(outcome) == {NAME: ("3.0", "2.0")}
    assert [entry.display for entry in outcome.document.document.algorithms.values()] == [
        release.display for release in outcome.releases
    ]


def test_rollback_to_an_unknown_publication_is_refused(listener: Listener) -> None:
    release(listener, "1.0")
    with pytest.raises(RefusedError, match="live at publication 99"):
        ask(listener, "rollback", publication=99)


def test_rollback_of_too_many_algorithms_is_refused(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(listener, "1.0", "2.0")
    release(listener, "5.0", algorithm="other")
    time = live_times(listener)[0]
    monkeypatch.setattr("phaseline.promotion.eligibility.ALGORITHMS_LIMIT", 1)
    with pytest.raises(RefusedError, match="2 algorithms have changed"):
        ask(listener, "rollback", algorithms=(), as_of=time)
    monkeypatch.setattr("phaseline.promotion.eligibility.ALGORITHMS_LIMIT", 2)
    assert ask(listener, "rollback", algorithms=(), as_of=time).changed


def test_rollback_to_a_publication_whose_version_was_withdrawn_is_refused(
    listener: Listener,
) -> None:
    release(listener, "1.0", "2.0")
    left = stream_record(9, version="1.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    listener.process([left], Schema())
    with pytest.raises(RefusedError, match=r"1\.0 is not known as verified, or was withdrawn"):
        ask(listener, "rollback", publication=1)


def test_repeated_rollback_is_refused_after_a_withdrawal(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    ask(listener, "rollback", "1.0")
    ask(listener, "resume", id="run-2")
    left = stream_record(9, version="1.0", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    listener.process([left], Schema())
    with pytest.raises(RefusedError, match="and a withdrawal has taken its place"):
        ask(listener, "rollback", "1.0")


def test_refused_rollback_lists_the_verified_versions(listener: Listener) -> None:
    release(listener, "1.0", "2.0")
    with pytest.raises(RefusedError, match=r"7\.0 is not known .*\(verified: 2\.0, 1\.0\)"):
        ask(listener, "rollback", "7.0")
    with pytest.raises(RefusedError, match=r"an earlier version is not .*\(verified: none\)"):
        ask(listener, "rollback", algorithms=("other",))


def put(entry: Entry | None, **fields: Any) -> Document:
    """The document `SEEN` with another entry of the algorithm, or with none."""
    if entry is None:
        return replace(SEEN, algorithms={}, **fields)
    kind = "algorithms" if entry.version else "withdrawn"
    return replace(SEEN, **({"algorithms": {}, kind: {"a": entry}} | fields))


HELD: dict[str, Any] = {"holds": {"a": Hold("broken", "eve", "t")}}
BAD = {"bad": {"a": {"2.0": Mark("crashes", "eve", "t")}}}
OTHER = Entry("3.0", {}, "r3", "", "0", "t", "eve")


@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize(
    ("document", "target", "reason"),
    [
        (put(ACTIVE), TARGET, None),
        (put(ACTIVE), None, None),
        (put(OTHER), TARGET, r"eve made 3\.0 active at the same time \(r3\)"),
        (put(OTHER), None, r"eve made 3\.0 active at the same time"),
        (put(replace(OTHER, who=None)), TARGET, r"the table made 3\.0 active"),
        (put(replace(OTHER, version=None)), TARGET, r"eve withdrew it at the same time"),
        (put(replace(OTHER, version="2.0")), TARGET, None),
        (put(replace(OTHER, version=None)), None, None),
        (put(TARGET, **HELD, **BAD), TARGET, None),
        (put(ACTIVE, **BAD), TARGET, "it was marked bad by eve, t: crashes"),
        (put(ACTIVE, **BAD), replace(TARGET, version="2.1"), None),
    ],
)
def test_request_is_refused_if_the_newest_document_does_not_allow_it(
    action: str, document: Document, target: Entry | None, reason: str | None
) -> None:
    """Another person may have made the same version active, or an earlier attempt this one."""
    if reason is None:
        refuse_ineligible(request(action), SEEN, document, {"a": target})
        return
    with pytest.raises(RefusedError, match=reason) as caught:
        refuse_ineligible(request(action), SEEN, document, {"a": target})
    assert caught.value.where.startswith("opt/a")


def test_first_version_of_an_algorithm_that_another_person_released_is_not_replaced() -> None:
    with pytest.raises(RefusedError, match=r"eve made 3\.0 active"):
        refuse_ineligible(request("promote"), put(None), put(OTHER), {"a": TARGET})
    refuse_ineligible(request("promote"), put(None), put(None), {"a": TARGET})


@pytest.mark.parametrize("kind", ["hold", "freeze"])
def test_hold_refuses_a_promotion_and_no_rollback(kind: str) -> None:
    held = put(ACTIVE, **(HELD if kind == "hold" else {"freeze": HELD["holds"]["a"]}))
    with pytest.raises(RefusedError, match="on hold by eve since t: broken"):
        refuse_ineligible(request("promote"), SEEN, held, {"a": TARGET})
    refuse_ineligible(request("rollback"), SEEN, held, {"a": TARGET})


def test_each_algorithm_of_a_request_is_checked() -> None:
    """Also after one that an earlier attempt has changed."""
    document = replace(SEEN, algorithms={"a": TARGET, "b": OTHER})
    targets = {"a": TARGET, "b": replace(TARGET, release="r4")}
    with pytest.raises(RefusedError, match="opt/b"):
        refuse_ineligible(request("promote"), SEEN, document, targets)


@pytest.mark.parametrize(
    ("document", "is_checked"),
    [
        (put(ACTIVE), False),
        (put(replace(ACTIVE, left="s#9")), True),
        (put(ACTIVE, **HELD), True),
        (put(ACTIVE, freeze=Hold("holidays", "eve", "t")), True),
        (put(TARGET), False),
    ],
)
def test_version_is_checked_again_if_a_stream_record_changed_the_document(
    listener: Listener, document: Document, is_checked: bool
) -> None:
    """The table has the version no longer."""
    commits = listener.commits
    lives = Lives(commits.ledger.client, "ledger")
    sources = Sources(commits.ledger, lambda name, version: None, lives)
    for action, reason in (("promote", "has no such version"), ("rollback", "not known")):
        check: Any = (request(action), SEEN, document, {"a": TARGET}, sources)
        if is_checked:
            with pytest.raises(RefusedError, match=reason):
                refuse_withdrawn(*check)
        else:
            refuse_withdrawn(*check)


def test_each_target_is_checked_again(listener: Listener) -> None:
    """Also after one that is no version, was written or is unchanged."""
    commits = listener.commits
    sources = Sources(
        commits.ledger, lambda name, version: None, Lives(commits.ledger.client, "ledger")
    )
    document = put(TARGET, holds={"c": HELD["holds"]["a"]})
    targets = {"none": None, "a": TARGET, "b": replace(TARGET, release="r4"), "c": TARGET}
    with pytest.raises(RefusedError, match="opt/c"):
        refuse_withdrawn(request("promote"), SEEN, document, targets, sources)
