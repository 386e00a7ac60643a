"""The plan of a publication: uploads, invalidated paths, stale keys and numbers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline import archive
from phaseline.errors import InputError
from phaseline.site import publication
from phaseline.site.publication import Listed, Publication, Published, Retained
from tests.builders.publications import WRITTEN, Site, listing, manifest, plan, published

KEYS = st.sampled_from(["a.css", "index.html", "x/index.html", "z.js", "phaseline.json"])


FILES = st.dictionaries(KEYS, st.sampled_from(["1", "2"]))


def upload(keys: Mapping[str, str], bucket: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """The order of uploads into a bucket in which all headers are right."""
    return publication.order(keys, listing(bucket), {})


def test_without_a_state_everything_is_invalidated() -> None:
    """The first publication does not know what caches hold."""
    assert plan({"a": "1"}, {}, None).changed is None


def test_only_new_and_changed_files_are_invalidated_after_a_verified_publication() -> None:
    old = {"a": "1", "b": "1"}
    made = plan(old | {"a": "2", "c": "1"}, old, published(old, opt=1))
    assert made.changed == ("/a", "/c")


@pytest.mark.parametrize(
    "bucket", [{"a": "2", "b": "1"}, {"a": "1"}, {"a": "1", "b": "1", "c": "1"}, {}]
)
def test_all_paths_are_invalidated_if_the_bucket_differs_from_the_verified_state(
    bucket: dict[str, str],
) -> None:
    """An execution that crashed may have uploaded any file."""
    old = {"a": "1", "b": "1"}
    assert plan(old, bucket, published(old, opt=1)).changed is None


def test_all_paths_are_invalidated_while_an_execution_is_not_verified() -> None:
    """Even if the bucket is as it was verified, because other files may have been cached."""
    old = {"a": "1"}
    doubted = replace(published(old, opt=1), publishing="e0")
    assert plan(old, old, doubted).changed is None


DIES_UPLOADING, DIES_AFTER_UPLOAD, FINISHES = "dies uploading", "dies after upload", "finishes"


FATES = st.sampled_from([DIES_UPLOADING, DIES_AFTER_UPLOAD, FINISHES])


FEW_FILES = st.dictionaries(st.sampled_from(["a.css", "index.html"]), st.sampled_from(["1", "2"]))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(FEW_FILES, FATES), min_size=2, max_size=6),
    st.randoms(use_true_random=True),
)
def test_no_visitor_keeps_an_old_page(
    executions: list[tuple[dict[str, str], str]], random: Random
) -> None:
    """After a finished execution, the cache has only files of its build, whatever crashed before.

    The cache never expires, and visitors may fill it after any upload.
    """
    bucket: dict[str, str] = {}
    cache: dict[str, str] = {}
    state: Published | None = None

    def visit() -> None:
        for key, digest in bucket.items():
            if random.random() < 0.5:
                cache.setdefault(f"/{key}", digest)

    for number, (files, fate) in enumerate([*executions, ({"index.html": "1"}, FINISHES)]):
        build = files | {"phaseline.json": f"manifest {number}"}
        made = plan(build, bucket, state)
        state = replace(state or published({}), publishing=f"e{number}")
        uploads = [key for group in upload(made.keys, bucket) for key in group]
        for key in uploads[: random.randrange(len(uploads)) if fate == DIES_UPLOADING else None]:
            bucket[key] = build[key]
            visit()
        if fate != FINISHES:
            continue
        for path in [*cache] if made.changed is None else made.changed:
            cache.pop(path, None)
        visit()
        for key in made.stale:
            del bucket[key]
        visit()
        for key in made.stale:
            cache.pop(f"/{key}", None)
        state = publication.verified(made, listing(bucket), state)
        for key, digest in build.items():
            assert cache.get(f"/{key}", digest) == digest
        assert cache.keys() <= {f"/{key}" for key in build}


EDITS = "edits"


ACTS = st.sampled_from([DIES_UPLOADING, DIES_AFTER_UPLOAD, FINISHES, EDITS])


OBJECTS = st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["page", "download"]))


FEW_OBJECTS = st.dictionaries(st.sampled_from(["a.css", "index.html"]), OBJECTS)


@settings(max_examples=300)
@given(st.lists(st.tuples(FEW_OBJECTS, ACTS), max_size=8), st.randoms(use_true_random=True))
def test_headers_are_those_of_the_build_whoever_changed_them(
    acts: list[tuple[dict[str, tuple[str, str]], str]], random: Random
) -> None:
    """After a finished execution each object has its content and its headers, also where a person
    rewrote it before, or while the one before was verified; and caches hold no others.

    What the bucket holds is (content, headers, time), and each write has a time of its own.
    """
    bucket: dict[str, tuple[str, str, str]] = {}
    cache: dict[str, tuple[str, str]] = {}
    state: Published | None = None
    clock = 0

    def write(key: str, content: str, headers: str) -> None:
        nonlocal clock
        clock += 1
        bucket[key] = (content, headers, f"{clock:06}")

    def visit() -> None:
        for key, (content, headers, _) in bucket.items():
            if random.random() < 0.5:
                cache.setdefault(f"/{key}", (content, headers))

    def edit() -> None:
        if bucket:
            key = random.choice(sorted(bucket))
            write(key, bucket[key][0], "download")
            visit()

    def listed() -> dict[str, Listed]:
        return {key: Listed(content, at) for key, (content, _, at) in bucket.items()}

    for number, (files, act) in enumerate([*acts, ({"index.html": ("1", "page")}, FINISHES)]):
        if act == EDITS:
            edit()
            continue
        build = files | {"phaseline.json": (f"manifest {number}", "json")}
        made = publication.plan(
            execution=f"e{number}",
            at=WRITTEN,
            lasting=(),
            build={key: content for key, (content, _) in build.items()},
            headers={key: headers for key, (_, headers) in build.items()},
            manifest=manifest(opt=1),
            bucket=listed(),
            in_bucket=None,
            published=state,
        )
        state = replace(state or published({}), publishing=f"e{number}")
        groups = publication.order(made.keys, listed(), made.again)
        uploads = [key for group in groups for key in group]
        for key in uploads[: random.randrange(len(uploads)) if act == DIES_UPLOADING else None]:
            write(key, *build[key])
            visit()
        if act != FINISHES:
            continue
        assert publication.order(made.keys, listed(), made.again) == ()
        for path in [*cache] if made.changed is None else made.changed:
            cache.pop(path, None)
        for key, (content, headers) in build.items():
            assert bucket[key][:2] == (content, headers)
            assert cache.get(f"/{key}", (content, headers)) == (content, headers)
        visit()
        for key in made.stale:
            del bucket[key]
            cache.pop(f"/{key}", None)
        if random.random() < 0.3:
            edit()
        state = publication.verified(made, listed(), state)


@pytest.mark.parametrize("hours", [0, 1, -1_000])
def test_numbers_grow_with_each_publication_that_begins(hours: float) -> None:
    """Also over those that are never verified, and whatever the clock says."""
    site = Site()
    numbers = [
        site.publish(0, "a").number,
        site.begin(hours, "b").number,
        site.publish(hours, "b").number,
        site.publish(hours, "c").number,
    ]
    assert numbers == sorted(set(numbers))


def test_numbers_grow_over_a_state_that_a_person_deleted_or_put_back() -> None:
    site = Site()
    site.publish(0, "a")
    early = site.state
    number = site.publish(1, "b").number
    for state in (early, None):
        site.state = state
        assert site.begin(2, "c").number > number


def test_repeated_beginning_has_the_same_number() -> None:
    """An invocation died after it had noted that it begins."""
    begun = 9_000_000_000
    state = replace(published({}), publishing="e1", number=7, begun=begun)
    assert plan({}, {}, state).number == begun
    assert plan({}, {}, replace(state, publishing="e0")).number == begun + 1


def test_state_knows_the_numbers_of_its_two_executions() -> None:
    state = replace(published({}), publishing="e1", number=7, begun=9)
    assert [state.number_of(name) for name in ("e0", "e1", "e2")] == [7, 9, None]


def test_first_publication_that_begins_is_noted_in_a_state_without_files() -> None:
    made = plan({"a": "1"}, {}, None)
    assert publication.begun(made, None) == Published(
        keys={}, documents={}, execution="", publishing="e1", begun=made.number
    )


def test_verified_state_has_the_numbers_of_its_publication_and_of_the_newest_one() -> None:
    first = plan({"a": "1"}, {}, None)
    alone = publication.verified(first, listing({"a": "1"}), None)
    assert (alone.number, alone.begun) == (first.number, first.number)
    later = replace(published({}), publishing="e2", begun=first.number + 7)
    state = publication.verified(first, listing({"a": "1"}), later)
    assert (state.number, state.begun, state.publishing) == (first.number, first.number + 7, "e2")


@pytest.mark.parametrize(
    ("manifest", "known"),
    [
        (Listed("manifest", "2026-11-24T20:00:02"), {"phaseline.json", "a", "b"}),
        (Listed("manifest", "2026-11-24T20:00:01"), {"phaseline.json", "a"}),
        (Listed("other", "2026-11-24T20:00:02"), set()),
        (None, set()),
    ],
)
def test_headers_of_an_object_that_was_written_after_the_manifest_are_unknown(
    manifest: Listed | None, known: set[str]
) -> None:
    """Somebody else wrote it. A file that is missing has no headers."""
    made = plan({"phaseline.json": "manifest", "a": "1", "b": "1", "gone": "1"}, {}, None)
    bucket = {"a": Listed("1", "2026-11-24T20:00:00"), "b": Listed("1", "2026-11-24T20:00:02")}
    if manifest:
        bucket["phaseline.json"] = manifest
    assert publication.verified(made, bucket, None).modified.keys() == known


@pytest.mark.parametrize(
    ("key", "listed", "is_as_written"),
    [
        ("a", Listed("1", WRITTEN), True),
        ("a", Listed("2", WRITTEN), False),
        ("a", Listed("1", "later"), False),
        ("a", None, False),
        ("kept", Listed("k", "then"), True),
        ("kept", Listed("2", "then"), False),
        ("kept", Listed("k", "later"), False),
        ("kept", None, True),
        ("other", Listed("1", WRITTEN), False),
        ("other", None, False),
    ],
)
def test_object_is_as_written_if_content_and_time_are_the_states(
    key: str, listed: Listed | None, is_as_written: bool
) -> None:
    """A retained object may be missing."""
    state = replace(published({"a": "1"}), retained={"kept": Retained("k", "then", "since")})
    assert state.is_as_written(key, listed) is is_as_written


def test_key_that_the_build_lacks_is_stale() -> None:
    assert plan({"a": "1"}, {"a": "1", "old": "1"}, None).stale == ("old",)


@pytest.mark.parametrize(
    ("build", "state", "bucket", "outcome"),
    [
        (2, 3, None, "superseded"),
        (2, None, 3, "superseded"),
        (2, 2, 2, "published"),
        (3, 2, 2, "published"),
        (1, None, None, "published"),
    ],
)
def test_build_of_older_documents_is_superseded(
    build: int, state: int | None, bucket: int | None, outcome: str
) -> None:
    """A late build replaces no newer document, whether it is verified or only uploaded."""
    made = plan(
        {},
        {},
        published({}, opt=state) if state else None,
        revision=build,
        in_bucket=manifest(opt=bucket) if bucket else None,
    )
    assert made.outcome == outcome


def test_document_that_the_published_state_lacks_is_newer() -> None:
    """A state without it is no reason to publish nothing."""
    assert not publication.is_older({"in": 0, "opt": 2, "out": 0}, {"opt": 2})


def test_build_with_one_older_document_is_older() -> None:
    """Even if another document is newer."""
    assert publication.is_older({"in": 9, "opt": 1}, {"in": 1, "opt": 2})
    assert publication.is_older({}, {"opt": 1})


@pytest.mark.parametrize(
    ("key", "is_page"),
    [
        ("index.html", True),
        ("blog/a.htm", True),
        ("a.xhtml", True),
        ("a.xht", True),
        ("a.js", False),
        ("html", False),
    ],
)
def test_page_is_recognized_by_its_name(key: str, is_page: bool) -> None:
    assert publication.is_page(key) is is_page


@given(FILES, FILES)
def test_uploads_are_ordered(build: dict[str, str], bucket: dict[str, str]) -> None:
    """What differs is uploaded once: other files, then pages, then the manifest alone."""
    groups = upload(build, bucket)
    flat = [key for group in groups for key in group]
    assert sorted(flat) == sorted(key for key in build if bucket.get(key) != build[key])
    ranks = [2 if key == "phaseline.json" else int(key.endswith(".html")) for key in flat]
    assert ranks == sorted(ranks)
    for group in groups:
        assert len({publication.is_page(key) for key in group}) == 1


@given(FILES, st.none() | st.lists(st.text()), st.lists(st.text()))
def test_render_and_parse(
    keys: dict[str, str], changed: list[str] | None, stale: list[str]
) -> None:
    """Parsing a rendered publication returns the same publication."""
    made = Publication(
        execution="e1",
        outcome="published",
        changed=None if changed is None else tuple(changed),
        keys=keys,
        stale=tuple(stale),
        documents={"opt": {"revision": 1}},
        headers=keys,
        again=keys,
        number=7,
        at=WRITTEN,
        lasting=("a", "b"),
    )
    zipped = archive.pack(publication.render(made))
    assert publication.parse(zipped, "here") == made


def test_same_publication_has_the_same_bytes() -> None:
    """In whatever order its files are known."""
    made = plan({"a": "1", "b": "2"}, {}, None)
    other = replace(made, keys=dict(reversed(list(made.keys.items()))))
    assert publication.render(made) == publication.render(other)


def test_publication_of_another_schema_is_refused() -> None:
    (name, data), *others = publication.render(plan({}, {}, None)).items()
    body = json.loads(data)
    assert (name, body["schema"], others) == ("publication.json", 3, [])
    zipped = archive.pack({name: json.dumps(body | {"schema": 2}).encode()})
    with pytest.raises(InputError, match="schema 2"):
        publication.parse(zipped, "here")


@pytest.mark.parametrize("data", [b"", b"no zip", archive.pack({"other": b"{}"})])
def test_error_of_another_artifact_names_its_place(data: bytes) -> None:
    with pytest.raises(InputError, match=r"artifact here.*publication\.json"):
        publication.parse(data, "artifact here")
