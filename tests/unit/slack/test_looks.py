"""The choice of messages at which an update looks."""

from phaseline.slack.looks import LIMIT, chosen
from phaseline.slack.progress import News


def event(second: int) -> News:
    return News("e1", f"2026-11-24T20:{second // 60:02}:{second % 60:02}Z")


def test_few_messages_are_all_chosen_and_each_once() -> None:
    for count in (0, 1, LIMIT // 2, LIMIT):
        names = [f"m{number}" for number in range(count)]
        assert sorted(chosen(names, event(count))) == sorted(names)


def test_first_messages_are_always_chosen_and_the_others_in_turn() -> None:
    names = [f"m{number}" for number in range(10 * LIMIT)]
    seen: set[str] = set()
    for second in range(300):
        choice = chosen(names, event(second))
        assert len(set(choice)) == len(choice) == LIMIT
        assert choice[: LIMIT // 2] == names[: LIMIT // 2]
        seen |= set(choice)
    assert seen == set(names)
