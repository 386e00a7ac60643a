"""Judges a local system after the faults: nothing is lost, and nothing is done twice."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from local.system import System, control, website
from phaseline.deploy.environment import PREFIX
from phaseline.github.outbox import Outbox
from phaseline.releases.release import OPEN, SUPERSEDED, VERIFIED, Release
from phaseline.slack import message_record
from phaseline.slack.standing import State
from tests.chaos.promotions import Promotion
from tests.simulator import model

ENDS = {VERIFIED: State.LIVE, SUPERSEDED: State.SUPERSEDED}
"""The words with which a message about a release ends, by the state of the release."""


def unfinished(system: System, promoted: Iterable[Promotion]) -> list[str]:
    """Return what has not happened yet, in words: the reasons to wait."""
    newest = {(each.type, each.algorithm): each.version for each in promoted}
    served = {type_: website.versions(system, type_) for type_ in {key[0] for key in newest}}
    reasons = [
        f"{type_} {name} {version} is not on the website"
        for (type_, name), version in newest.items()
        if served[type_].get(name) != version
    ]
    messages = {message["ts"]: message["text"] for message in control.slack_messages(system)}
    for (type_, revision), releases in _revisions(system, promoted).items():
        states = {release.state for release in releases}
        record = _record(system, type_, revision)
        text = messages.get(record.posted.ts, "") if record.posted else ""
        if OPEN in states:
            reasons.append(f"revision {revision} of {type_} has open releases")
        elif record.holder or not any(ENDS[state].value[1] in text for state in states):
            reasons.append(f"revision {revision} of {type_} is {states}; Slack says '{text}'")
    outbox = Outbox(system.ledger.client, system.ledger.table)
    reasons += [f"a dispatch of {type_} is owed" for type_ in served if outbox.read(type_).owed]
    return reasons


def judge(system: System, promoted: list[Promotion], doubtful: int) -> Counter[str]:
    """Check what must be true once nothing is unfinished, and return the numbers that were found.

    `doubtful` is the number of Slack messages that may be there twice.
    """
    revisions = _revisions(system, promoted)
    releases = [release for each in revisions.values() for release in each]
    found = Counter((each.type, each.algorithm, each.version) for each in releases)
    assert found == Counter((each.type, each.algorithm, each.version) for each in promoted)
    written = _written(system, {each.type for each in promoted})
    for release in releases:
        expected = [(release.document_version, release.revision)]
        assert written[release.release_id] == expected, release
    return Counter(
        releases=len(releases),
        dispatches=_dispatches(system, releases),
        messages=_messages(system, revisions, doubtful),
    )


def _revisions(
    system: System, promoted: Iterable[Promotion]
) -> dict[tuple[str, int], list[Release]]:
    """Return the releases of these algorithms by the revision of the document."""
    revisions: dict[tuple[str, int], list[Release]] = {}
    for type_, name in dict.fromkeys((each.type, each.algorithm) for each in promoted):
        for release in system.ledger.releases(type_, name):
            revisions.setdefault((type_, release.revision or 0), []).append(release)
    return revisions


def _written(system: System, types: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Return the versions of documents (ID and revision) that started each release."""
    s3, bucket = system.client("s3"), system.output("site", "MetadataBucketName")
    written: dict[str, list[tuple[str, int]]] = {}
    for type_ in types:
        key = f"{PREFIX}{type_}.zip"
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        for version in (each for page in pages for each in page["Versions"]):
            id_ = version["VersionId"]
            data = s3.get_object(Bucket=bucket, Key=key, VersionId=id_)["Body"].read()
            if data.startswith(b"PK"):  # other tests break documents
                write = model.read(type_, data, id_)
                for release in write.releases:
                    place = written.setdefault(release["release_id"], [])
                    place.append((id_, write.state.revision))
    return written


def _dispatches(system: System, releases: Iterable[Release]) -> int:
    """GitHub heard of each release of the table, and a repeated dispatch is equal to the first."""
    payloads = [each["client_payload"] for each in control.dispatches(system)]
    told = {release for payload in payloads for release in payload["releases"]}
    untold = {release.release_id for release in releases if release.who is None} - told
    assert not untold, untold
    contents: dict[str, Any] = {}
    for payload in payloads:
        first = contents.setdefault(payload["document_version"], payload)
        assert payload == first
    return len(payloads)


def _messages(
    system: System, revisions: Mapping[tuple[str, int], list[Release]], doubtful: int
) -> int:
    """Slack shows one message for each revision, except where its answer was lost."""
    posted = [
        json.dumps(each) for each in control.slack_messages(system) if "thread_ts" not in each
    ]
    about = [
        sum(any(release.release_id in message for release in releases) for message in posted)
        for releases in revisions.values()
    ]
    assert min(about) >= 1
    assert sum(about) <= len(about) + doubtful
    return sum(about)


def _record(system: System, type_: str, revision: int) -> message_record.Record:
    ledger = system.ledger
    return message_record.read(
        ledger.client, ledger.table, message_record.of_revision(type_, revision)
    )
