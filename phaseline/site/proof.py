"""Whether what was published has arrived: what visitors are served, and the end of releases."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from phaseline.errors import InputError, RemoteCallError, TimedOutError
from phaseline.releases.ledger import WRITERS, Ledger
from phaseline.releases.release import Release
from phaseline.site.manifests import NAME, ServedManifest

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
    """The served manifest, once it was built from this `revision` of a document or a later one.

    Raises TimedOutError after `limit` seconds, with what is served instead.
    """
    until = clock() + limit
    while True:
        try:
            manifest = fetch(site_url)
        except (RemoteCallError, InputError) as error:
            found = error.found
        else:
            shown = manifest.revisions.get(type_, -1)
            if shown >= revision:
                return manifest
            found = f"found revision {shown}, by execution {manifest.execution}"
        if clock() + PAUSE > until:
            raise TimedOutError(
                f"{site_url}/{NAME}",
                f"expected revision {revision} of the document '{type_}', {found},"
                f" for {limit:.0f} seconds",
                "Check the distribution's origin and cache policy, then run this again.",
            )
        sleep(PAUSE)


def close(ledger: Ledger, releases: Sequence[Release], state: str, *, at: str, link: str) -> None:
    """End `releases` in a `state`, verified or superseded; one that has ended stays as it is."""
    with ThreadPoolExecutor(WRITERS) as pool:
        list(
            pool.map(
                lambda release: ledger.stamp(release, state, at=at, link=link, state=state),
                releases,
            )
        )
