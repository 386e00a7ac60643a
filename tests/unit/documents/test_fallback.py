"""A withdrawal returns to the newest release that may come back."""

from collections.abc import Iterator
from dataclasses import replace

from phaseline.documents.document import Document, Mark
from phaseline.documents.fallback import candidates, fallback
from phaseline.releases.release import OPEN, VERIFIED, Release
from tests.builders.changes import change
from tests.builders.releases import release

WITHDRAWAL = change(11, "2.0.0", action="withdraw")
MARKED = Document("opt", bad={"a": {"1.5": Mark("crashes", "ana", "t")}})


def verified(version: str) -> Release:
    return replace(release(version=version), state=VERIFIED)


def versions(releases: tuple[Release, ...]) -> list[str | None]:
    return [release.version for release in releases]


def test_candidates_are_other_good_versions_each_with_its_newest_release() -> None:
    again = replace(verified("1.0.0"), release_id="again")
    unfinished = replace(verified("1.7"), state=OPEN)
    others = [verified(version) for version in ("2.0.0", "1.5", "1.0.0", "0.9")]
    found = candidates([unfinished, again, *others], WITHDRAWAL, MARKED, 5)
    assert versions(found) == ["1.0.0", "0.9"]
    assert found[0].release_id == "again"


def test_history_is_read_up_to_the_number_of_candidates() -> None:
    def history() -> Iterator[Release]:
        yield verified("1.0.0")
        raise AssertionError("read too far")

    assert versions(candidates(history(), WITHDRAWAL, MARKED, 1)) == ["1.0.0"]


def test_fallback_is_the_first_candidate_that_is_neither_bad_nor_withdrawn() -> None:
    """A version may be marked or withdrawn since the candidates were read."""
    given = {WITHDRAWAL.release_id: [verified(one) for one in ("1.6", "1.5", "1.0.0")]}
    found = fallback(given, WITHDRAWAL, MARKED, {("a", "1.6")})
    assert found
    assert found.version == "1.0.0"
    other = fallback(given, WITHDRAWAL, MARKED, {("b", "1.6")})
    assert other
    assert other.version == "1.6"


def test_withdrawal_without_candidates_has_no_fallback() -> None:
    assert fallback({}, WITHDRAWAL, MARKED, ()) is None
