"""The addresses of the board's pages."""

from urllib.parse import parse_qs, urlsplit

import pytest

from phaseline.errors import InputError
from phaseline.releases.release import Position, Step
from scripts.board.links import FileLinks, ServerLinks, position, positions, written
from tests.builders.releases import release

RELEASE = release(steps={"document": Step("2026-11-25T10:00:00Z")})


def test_release_is_found_by_its_address() -> None:
    query = parse_qs(urlsplit(ServerLinks().release(RELEASE)).query)
    assert position(query["at"][0]) == Position.of(RELEASE)
    assert position(query["at"][0]).key == RELEASE.key


@pytest.mark.parametrize("text", ["", "~", "opt~a~x~r~t", "opt~a~1~r~t~more", "<script>"])
def test_other_text_is_no_position(text: str) -> None:
    with pytest.raises(InputError, match="names no release"):
        position(text)


def test_names_of_any_characters_stay_inside_their_address() -> None:
    address = ServerLinks().algorithm("opt", "a&b=c/../<d>")
    assert parse_qs(urlsplit(address).query) == {"type": ["opt"], "name": ["a&b=c/../<d>"]}
    assert ServerLinks().page("overview", type=None, q="") == "/"


def test_list_goes_on_after_the_position_of_each_type() -> None:
    given = positions({"after-opt": written(Position.of(RELEASE)), "x": "1"}, ("in", "opt"))
    assert given == {"opt": Position.of(RELEASE)}


def test_file_links_to_what_it_contains() -> None:
    links = FileLinks(["overview"], [("opt", "a")], ["r"])
    assert (links.page("overview"), links.page("releases")) == ("#overview", None)
    assert links.page("overview", type="in") is None
    assert (links.algorithm("opt", "a"), links.algorithm("opt", "b")) == ("#opt/a", None)
    assert (links.release(RELEASE), links.execution("e")) == ("#r", None)
