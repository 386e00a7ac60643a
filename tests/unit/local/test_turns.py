"""Concurrency groups."""

from local.workflows.turns import Turns


def join(turns: Turns, holder: str, *, patient: bool = False, cancel: bool = False) -> list[str]:
    """Queue up in the group of these tests."""
    return turns.join("deploy", holder, patient=patient, cancel=cancel)


def test_patient_holders_take_turns() -> None:
    """With patience all wait, and have their turn in the order in which they came."""
    turns = Turns()
    gone = [join(turns, holder, patient=True) for holder in "abc"]
    assert gone == [[], [], []]

    for holder in "abc":
        assert [other for other in "abc" if turns.has("deploy", other)] == [holder]
        turns.leave("deploy", holder)
    assert not turns.has("deploy", "a")


def test_without_patience_only_the_newest_waits() -> None:
    """The one whose turn it is goes on; of the others the newest stays."""
    turns = Turns()
    assert [join(turns, holder) for holder in "abc"] == [[], [], ["b"]]
    assert turns.has("deploy", "a")
    turns.leave("deploy", "a")
    assert turns.has("deploy", "c")


def test_cancel_in_progress_ends_the_running_one() -> None:
    """With cancel-in-progress the newest has the turn at once."""
    turns = Turns()
    join(turns, "a")
    assert join(turns, "b", cancel=True) == ["a"]
    assert turns.has("deploy", "b")


def test_groups_are_apart_and_joining_twice_is_once() -> None:
    """Groups do not know each other; who waits already keeps the place."""
    turns = Turns()
    join(turns, "a")
    assert join(turns, "a") == []
    assert turns.join("other", "b", patient=False, cancel=False) == []
    assert turns.has("other", "b")
    turns.leave("deploy", "never there")
    assert turns.has("deploy", "a")


def test_groups_match_in_any_case() -> None:
    turns = Turns()
    join(turns, "a", patient=True)
    turns.join("Deploy", "b", patient=True, cancel=False)
    assert turns.has("DEPLOY", "a")
    assert not turns.has("Deploy", "b")
    turns.leave("DEPLOY", "a")
    assert turns.has("deploy", "b")


def test_a_full_queue_takes_nobody() -> None:
    """One has the turn, 100 wait, and who comes then is cancelled."""
    turns = Turns()
    gone = [join(turns, str(number), patient=True) for number in range(102)]
    assert gone == [*([[]] * 101), ["101"]]
    turns.leave("deploy", "0")
    assert join(turns, "102", patient=True) == []
