"""Compares the algorithms table, the documents, the ledger and the website.

A difference may be a change in progress, because the table does not say when an item changed. If
the first pass finds a difference, a second one follows after a pause, and only a difference in both
is a finding. A longer pause would hide real drift, such as a listener that fails for hours.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.table import AlgorithmsTable
from phaseline.aws.caller import concerns_caller
from phaseline.aws.wording import wording
from phaseline.documents.commit import Commits
from phaseline.documents.document import Document
from phaseline.documents.store import Stored
from phaseline.drift import release_rules, table_rules, website_rules
from phaseline.drift.report import Explained, Failure, Finding, Report
from phaseline.drift.table_rules import Unreleased, Untested
from phaseline.drift.website_rules import WEBSITE, Website
from phaseline.errors import (
    DocumentError,
    InputError,
    PhaselineError,
    RefusedError,
    RemoteCallError,
)
from phaseline.github.outbox import Dispatch
from phaseline.pipeline.executions import ENDED, Executions
from phaseline.releases.ledger import WRITERS
from phaseline.releases.release import DOCUMENT
from phaseline.site import manifests, publication
from phaseline.site.bucket import Site
from phaseline.site.manifests import ServedFile, ServedManifest

SETTLE = 60.0
"""Seconds between two checks: the stream, EventBridge and a verification need a few each, and
CloudFront keeps a manifest for a minute."""
OVERDUE = timedelta(minutes=15)
"""After which a dispatch is late: the listener's schedule sends it within five minutes."""
PAGES = 50
"""Pages that are fetched as visitors get them, beside the manifest."""
FETCHES = 8
EDITS = 5
"""Maximum number of a document's versions by others that are reported, the newest first."""

Result = Finding | Explained | Failure | str
"""A result of a check. Text names a thing that is not checked."""


@dataclass(frozen=True)
class ReleaseCheck:
    """The check of an environment's releases. `promotes_from` is the environment before it, or
    None.

    `now` returns the time, and `sleep` waits for a number of seconds.
    """

    environment: str
    promotes_from: str | None
    commits: Commits
    registry: AlgorithmsTable
    site: Site
    site_url: str
    executions: Executions
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    fetch: Callable[[str], ServedManifest] = manifests.fetch
    fetch_file: Callable[[str, str], ServedFile] = manifests.fetch_file

    def run(self, settle: float = SETTLE) -> Report:
        """Return the findings of two passes, `settle` seconds apart; only one if it finds nothing.

        A check that cannot run is a failure in the report, and raises nothing.
        """
        first = self.look()
        if not first.findings:
            return first
        self.sleep(settle)
        second = self.look()
        keys = {finding.key for finding in first.findings}
        lasting = tuple(finding for finding in second.findings if finding.key in keys)
        return replace(second, findings=lasting)

    def look(self) -> Report:
        """Return the findings of one pass, including changes in progress."""
        newest: dict[str, Stored] = {}
        results = [
            *(result for type_ in TYPES for result in self._document(type_, newest)),
            *(result for type_ in TYPES for result in self._follow_up(type_, newest.get(type_))),
            *self._table({type_: stored.document for type_, stored in newest.items()}),
            *self.website(newest),
        ]
        return Report(
            environment=self.environment,
            at=times.second(self.now()),
            findings=tuple(
                sorted(
                    (result for result in results if isinstance(result, Finding)),
                    key=lambda finding: finding.key,
                )
            ),
            explained=tuple(
                sorted(
                    (result for result in results if isinstance(result, Explained)),
                    key=lambda explained: explained.subject,
                )
            ),
            unchecked=tuple(result for result in results if isinstance(result, str)),
            failures=tuple(result for result in results if isinstance(result, Failure)),
        )

    def table(self) -> list[Result]:
        """Compare the algorithms table with the newest documents.

        Raises DocumentError if one cannot be read.
        """
        return self._table({type_: stored.document for type_, stored in self.newest().items()})

    def newest(self) -> dict[str, Stored]:
        """Return the newest documents. Raises DocumentError if one cannot be read."""
        return {type_: self.commits.documents.read(type_) for type_ in TYPES}

    def _document(self, type_: str, newest: dict[str, Stored]) -> list[Result]:
        """Return the findings about a document, and put a readable one into `newest`."""
        subject = f"document {type_}"

        def check() -> Iterator[Result]:
            try:
                stored = newest[type_] = self.commits.documents.read(type_)
            except DocumentError as error:
                yield Finding("unreadable-document", subject, error.found, str(error))
                yield Failure(subject, "nothing is compared with it, because it can't be read")
            else:
                yield from self._edits(stored)

        return _tried(subject, check)

    def _edits(self, stored: Stored) -> Iterator[Result]:
        """Yield the edits by others, the newest first, as far as the versions still exist."""
        type_, version = stored.document.type, stored.edited
        for _ in range(EDITS):
            if version is None:
                return
            try:
                made = self.commits.documents.read_version(type_, version)
            except RefusedError:
                return
            base = self.commits.documents.last_own(type_, version)
            if finding := release_rules.edited(stored, made, base):
                yield finding
            version = base.edited if base else None

    def _follow_up(self, type_: str, stored: Stored | None) -> list[Result]:
        """Compare what follows from a document's newest write: its dispatch and its releases.

        `stored` was read before the ledger's record, or is None if it cannot be read.
        """

        def check() -> Iterator[Result]:
            settled = self.commits.outbox.read(type_)
            if stored:
                yield from release_rules.unsettled(stored, settled)
            if settled.owed and self._is_overdue(settled.owed):
                yield release_rules.owed(settled.owed)

        return _tried(f"dispatch and releases of {type_}", check)

    def _is_overdue(self, dispatch: Dispatch) -> bool:
        """Return whether the first of its releases has been in the document for too long."""
        first = next(filter(None, map(self.commits.ledger.find, dispatch.releases)), None)
        if first is None or DOCUMENT not in first.steps:
            return True
        return self.now() - datetime.fromisoformat(first.steps[DOCUMENT].at) > OVERDUE

    def _table(self, documents: Mapping[str, Document]) -> list[Result]:
        """Compare the algorithms table with the readable `documents`."""
        if self.promotes_from:
            return [f"algorithms table: versions come from {self.promotes_from}"]
        return _tried("algorithms table", lambda: self._compare(documents))

    def _compare(self, documents: Mapping[str, Document]) -> Iterator[Result]:
        table = table_rules.gather(self.registry.scan(), documents)
        at = self.now()

        def promotion(unreleased: Unreleased) -> Result:
            releases = self.commits.ledger.releases(unreleased.type, unreleased.algorithm)
            return table_rules.promotion(unreleased, documents[unreleased.type], releases, at)

        def withdrawal(untested: Untested) -> Result | None:
            item = self.registry.item(untested.algorithm, str(untested.active.version))
            return table_rules.withdrawal(untested, item, self.registry.schema)

        yield from map(table_rules.malformed, table.malformed)
        yield from table_rules.marked(documents, table)
        with ThreadPoolExecutor(WRITERS) as pool:
            yield from pool.map(promotion, table_rules.unreleased(documents, table))
            untested = table_rules.untested(documents, table)
            yield from filter(None, pool.map(withdrawal, untested))

    def website(self, newest: Mapping[str, Stored]) -> list[Result]:
        """Return the differences between the website, the `newest` documents and the ledger. They
        are explained if an execution is in progress."""
        return _tried(WEBSITE, lambda: self._website(newest))

    def _website(self, newest: Mapping[str, Stored]) -> Iterator[Result]:
        bucket, manifest = self.site.listing(), self.site.manifest()
        shown: ServedManifest | InputError | None = None
        pages: dict[str, ServedFile] = {}
        if manifest:
            try:
                shown = self.fetch(self.site_url)
            except InputError as error:
                shown = error
            except RemoteCallError as error:
                yield Failure(WEBSITE, str(error))
        if isinstance(shown, ServedManifest):
            keys = sorted(
                filter(publication.is_page, bucket), key=lambda key: (key.count("/"), key)
            )
            if len(keys) > PAGES:
                yield f"website: {len(keys) - PAGES} pages beyond the first {PAGES}"
            with ThreadPoolExecutor(FETCHES) as pool:
                for key, page in zip(keys, pool.map(self._page, keys[:PAGES]), strict=False):
                    if isinstance(page, Failure):
                        yield page
                    else:
                        pages[key] = page
        site = Website(
            bucket=bucket,
            manifest=manifest,
            published=self.site.published()[0],
            served=shown,
            pages=pages,
            sources=self._sources(manifest, newest) if manifest else {},
        )
        yield from self._explained([*website_rules.website(site, newest), *self._unclosed(shown)])

    def _page(self, key: str) -> ServedFile | Failure:
        """Return a page as visitors get it, or the failure of its request."""
        try:
            return self.fetch_file(self.site_url, key)
        except RemoteCallError as error:
            return Failure(WEBSITE, str(error))

    def _sources(
        self, manifest: ServedManifest, newest: Mapping[str, Stored]
    ) -> dict[str, Document]:
        """Return the document versions that a manifest names, if they exist and can be read."""
        sources = {}
        for type_, shown in manifest.documents.items():
            stored = newest.get(type_)
            if stored and stored.version_id == shown.version_id:
                sources[type_] = stored.document
                continue
            try:
                sources[type_] = self.commits.documents.read_version(
                    type_, shown.version_id
                ).document
            except (RefusedError, DocumentError):
                continue  # there is a newer one, which is a finding
        return sources

    def _unclosed(self, shown: ServedManifest | InputError | None) -> Iterator[Finding]:
        if isinstance(shown, ServedManifest):
            for type_ in shown.documents:
                yield from release_rules.unclosed(shown, self.commits.ledger.open_releases(type_))

    def _explained(self, findings: Sequence[Finding]) -> Iterator[Result]:
        """Yield the findings, explained if an execution in progress will fix them."""
        running = self.under_way() if findings else None
        for finding in findings:
            if running and finding.repair:
                yield release_rules.under_way(finding, running)
            else:
                yield finding

    def under_way(self) -> str | None:
        """Return the newest execution in progress, or None."""
        running = (
            execution.id for execution in self.executions.newest() if execution.status not in ENDED
        )
        return next(running, None)


def _tried(subject: str, check: Callable[[], Iterable[Result]]) -> list[Result]:
    """Return the results of a check; the last one is a failure if the check could not continue."""
    results: list[Result] = []
    try:
        for result in check():
            results.append(result)
    except (PhaselineError, BotoCoreError, ClientError) as error:
        if concerns_caller(error):
            raise
        results.append(Failure(subject, wording(error)))
    return results
