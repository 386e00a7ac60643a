"""Files of earlier builds that stay after a publication."""

from dataclasses import replace

import pytest

from phaseline.site import publication
from phaseline.site.publication import Listed, Retained
from tests.builders.publications import HEADERS, Site, at


def test_script_stays_for_a_day_after_the_publication_that_left_it_out() -> None:
    """However many publications follow, and also if nothing is published for a long time."""
    site = Site()
    site.publish(0, "a")
    site.publish(100, "b")
    site.publish(110, "c")
    site.publish(123.9, "d")
    assert site.scripts == {"a", "b", "c", "d"}
    site.publish(124, "d")
    assert site.scripts == {"b", "c", "d"}
    site.publish(500, "d")
    assert site.scripts == {"d"}


def test_page_and_file_with_a_fixed_name_do_not_stay() -> None:
    """What is removed on purpose is gone at once."""
    site = Site()
    site.publish(0, "a")
    site.bucket["about.html"] = site.bucket["map.pdf"] = Listed("1", at(0))
    assert site.state
    fixed = {"about.html": "1", "map.pdf": "1"}
    site.state = replace(
        site.state,
        keys={**site.state.keys, **fixed},
        headers={**site.state.headers, **dict.fromkeys(fixed, HEADERS)},
        modified={**site.state.modified, **dict.fromkeys(fixed, at(0))},
    )
    site.publish(1, "b")
    assert site.bucket.keys() == {"a.js", "b.js", "index.html", "phaseline.json"}


@pytest.mark.parametrize("listed", [Listed("other", at(0)), Listed("a", at(1))])
def test_script_that_somebody_wrote_since_does_not_stay(listed: Listed) -> None:
    site = Site()
    site.publish(0, "a")
    site.bucket["a.js"] = listed
    site.publish(2, "b")
    assert site.scripts == {"b"}


def test_script_that_comes_back_is_written_again_and_no_longer_retained() -> None:
    """A build after a revert names it; it stays for a day after the next build without it."""
    site = Site()
    site.publish(0, "a")
    site.publish(1, "b")
    back = site.begin(24, "a")
    assert back.again == {"a.js": at(0)}
    assert back.changed == ("/a.js", "/index.html", "/phaseline.json")
    site.verify(back)
    assert site.state
    assert site.state.retained.keys() == {"b.js"}
    site.publish(30, "c")
    assert site.scripts == {"a", "b", "c"}
    site.publish(53, "c")
    assert site.scripts == {"a", "c"}


def test_script_of_a_publication_that_the_next_one_overlapped_stays() -> None:
    """While executions follow each other, one is verified when the next one has begun."""
    site = Site()
    first = site.begin(0, "a")
    second = site.begin(0, "b")
    site.verify(first)
    assert site.state
    assert (site.state.execution, site.state.publishing) == ("e1", "e2")
    site.verify(second)
    assert site.scripts == {"a", "b"}
    site.publish(24, "c")
    assert site.scripts == {"b", "c"}


def test_script_of_a_publication_that_was_never_verified_stays() -> None:
    """Visitors may hold its pages all the same. It is noted before the first upload."""
    site = Site()
    site.begin(0, "a")
    site.begin(1, "b")
    site.publish(2, "c")
    assert site.scripts == {"a", "b", "c"}
    assert site.state
    assert site.state.uploading == {}
    site.publish(26, "c")
    assert site.scripts == {"c"}


def test_script_that_nobody_published_does_not_stay() -> None:
    """Whatever its name is."""
    site = Site()
    site.publish(0, "a")
    site.bucket["b.js"] = Listed("b", at(0))
    site.publish(1, "a")
    assert site.scripts == {"a"}


def test_retained_files_do_not_make_the_bucket_differ() -> None:
    """The next publication invalidates only what it changes, also if one of them was deleted."""
    site = Site()
    site.publish(0, "a")
    site.publish(1, "b")
    site.publish(2, "c")
    del site.bucket["a.js"]
    assert site.begin(3, "c").changed == ("/phaseline.json",)


def test_as_many_files_stay_as_a_build_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones."""
    monkeypatch.setattr(publication, "RETAINED_LIMIT", 2)
    site = Site()
    for hour, name in enumerate("abcd"):
        site.publish(hour, name)
    assert site.scripts == {"b", "c", "d"}
    for hour, name in enumerate("efgh", 4):
        site.begin(hour, name)
    assert site.state
    assert len(site.state.uploading) == 2
    assert "h.js" in site.state.uploading


def test_newest_files_stay_in_whatever_order_the_state_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publication, "RETAINED_LIMIT", 1)
    site = Site()
    made = site.publish(0, "a")
    assert site.state
    files = {"older.js": Retained("o", at(0), at(1)), "newer.js": Retained("n", at(0), at(2))}
    state = replace(site.state, retained=files)
    bucket = site.bucket | {"older.js": Listed("o", at(0)), "newer.js": Listed("n", at(0))}
    assert publication.verified(made, bucket, state).retained.keys() == {"newer.js"}


def test_only_files_whose_names_change_with_their_content_are_noted() -> None:
    site = Site()
    site.begin(0, "a")
    assert site.state
    assert site.state.uploading == {"a.js": "a"}


def test_repeated_verification_comes_to_the_same_state() -> None:
    """Whatever time it is then, and whatever an earlier try has deleted."""
    site = Site()
    site.publish(0, "a")
    site.publish(1, "b")
    made = site.begin(25, "c")
    before = site.state
    site.verify(made)
    first, site.state = site.state, before
    site.verify(made)
    assert site.state == first
    assert first
    assert publication.removed(made, first) == ("a.js",)
