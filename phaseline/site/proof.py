"""Proves releases: waits for the manifest that visitors are served, and ends its releases."""

from collections.abc import Callable, Iterable
from functools import partial

from phaseline.aws.wait import poll
from phaseline.errors import InputError, RemoteCallError, TimedOutError
from phaseline.releases.ledger import Ledger, each
from phaseline.releases.release import Release
from phaseline.site.manifests import NAME, ServedManifest
from phaseline.site.verdict import Verdict, compare

PAUSE = 2.0


def wait(
    fetch: Callable[[str], ServedManifest],
    site_url: str,
    *,
    type_: str,
    revision: int,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limit: float,
) -> ServedManifest:
    """Return the served manifest, once it has this `revision` of a document or a later one.

    Raises TimedOutError after `limit` seconds, with the revision that is served instead.
    """
    found = ""

    def fetch_revision() -> ServedManifest | None:
        nonlocal found
        try:
            manifest = fetch(site_url)
        except (RemoteCallError, InputError) as error:
            found = error.found
            return None
        served = manifest.revisions[type_]
        found = f"found revision {served}, by execution {manifest.execution}"
        return manifest if served >= revision else None

    if manifest := poll(fetch_revision, clock=clock, sleep=sleep, limit=limit, pauses=(PAUSE,)):
        return manifest
    raise TimedOutError(
        f"{site_url}/{NAME}",
        f"expected revision {revision} of the document '{type_}', {found}, for {limit:.0f} seconds",
        "Check the distribution's origin and cache policy. Then run this again.",
    )


def close(
    ledger: Ledger, manifest: ServedManifest, releases: Iterable[Release], *, at: str, link: str
) -> Verdict:
    """Store the end of each release that the served manifest ends, and return the verdict.

    A release whose version is served is verified, and a release that a newer one replaced is
    superseded. A release that has ended is not changed. `at` is the time (ISO 8601, UTC), and
    `link` is the page that proves it.
    """
    verdict = compare(manifest, releases)
    for ended, state in verdict.ends:
        each(partial(ledger.stamp, step=state, at=at, link=link, state=state), ended)
    return verdict
