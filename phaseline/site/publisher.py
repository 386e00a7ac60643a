"""Publishes a build into the website's bucket, so that each page finds the files that it uses.

Files that pages use are uploaded first, then the pages, then the manifest. Old files stay until
Verify has seen the new manifest through the CDN, because cached pages still use them. Those that
browsers may keep for ever stay for another day.
"""

import io
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import IO, TYPE_CHECKING

from phaseline import archive, times
from phaseline.documents import revision
from phaseline.errors import InputError, RemoteCallError, TimedOutError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Artifact, Continue, Done, Job
from phaseline.site import content_types, files, headers, manifests, publication
from phaseline.site.bucket import STATE_KEY, Site
from phaseline.site.files import File
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import OVERTAKEN, SUPERSEDED
from phaseline.site.publication import Listed, Publication

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADS = 16
"""Concurrent uploads. A small file waits for S3 much longer than it takes to send."""
FILES_LIMIT = 20_000
"""The most files of a build. Their listing has 20 pages, and their upload takes minutes."""
SIZE_LIMIT = 2 * 1024**3
"""The most bytes of a build's unpacked files. A larger build is refused."""
ROUNDS = 9
"""Listings of the bucket until the upload fails: each of the three groups is uploaded up to three
times."""
BEGINNINGS = 5
"""Plans that are made if the state changes meanwhile. An earlier execution may end, and a second
delivery of this job may run."""
INVOCATIONS = 20
"""Invocations that one publication may take."""


@dataclass(frozen=True)
class Build:
    """The zip of the Build action, whose files are unpacked one by one during the upload."""

    zipped: zipfile.ZipFile
    where: str

    @cached_property
    def files(self) -> dict[str, File]:
        """The website's objects by key.

        Raises InputError for a name that is not a valid key, and for an invalid headers file.
        """
        names = self._names()
        rules = None
        if headers.FILE in names:
            rules = headers.parse(self._read(headers.FILE), f"{self.where}, {headers.FILE}")
        return files.of(names, self._head, rules)

    def _names(self) -> set[str]:
        entries = [entry for entry in self.zipped.infolist() if not entry.is_dir()]
        total = sum(entry.file_size for entry in entries)
        if len(entries) > FILES_LIMIT or total > SIZE_LIMIT:
            raise InputError(
                self.where,
                f"expected at most {FILES_LIMIT} files of {SIZE_LIMIT} bytes together,"
                f" found {len(entries)} of {total}",
                "Correct base-directory in the frontend's buildspec.yml.",
            )
        names: set[str] = set()
        for entry in entries:
            name = entry.filename
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise InputError(
                    self.where,
                    f"the file {name[:200]!r} is a symbolic link, whose content would be a path",
                    "Leave out enable-symlinks in the frontend's buildspec.yml.",
                )
            wrong = files.is_for_visitors(name) and not files.is_key(name)
            if wrong or name in names:
                raise InputError(
                    self.where,
                    f"the file name {name[:200]!r} is not a plain path that stands once",
                    f"Correct the frontend's build: a path has at most {files.KEY_LIMIT} bytes, no"
                    " backslash and no control character, and does not leave the folder.",
                )
            names.add(name)
        return names

    def _read(self, name: str) -> bytes:
        """Return the content of a file that is read into memory. Raises KeyError if it is missing,
        and InputError if it is too large."""
        try:
            return archive.read(self.zipped, name, manifests.SIZE_LIMIT)
        except ValueError as error:
            raise InputError(
                f"{self.where}, {name}",
                str(error),
                "Correct the frontend's build. See examples/frontend.",
            ) from error

    def _head(self, name: str) -> bytes:
        with self.zipped.open(name) as content:
            return content.read(content_types.HEAD)

    @contextmanager
    def opened(self, file: File) -> Iterator[tuple[IO[bytes], int]]:
        """Yield the content of an object and its size in bytes."""
        if isinstance(file.source, bytes):
            yield io.BytesIO(file.source), len(file.source)
            return
        with self.zipped.open(file.source) as content:
            yield content, self.zipped.getinfo(file.source).file_size

    @cached_property
    def digests(self) -> dict[str, str]:
        """The MD5 of each object's content by key."""
        known = {file: self._digest(file) for file in set(self.files.values())}
        return {key: known[file] for key, file in self.files.items()}

    def _digest(self, file: File) -> str:
        with self.opened(file) as (content, _):
            return manifests.stream_digest(content)

    def manifest(self, job: Job) -> ServedManifest:
        """Return the manifest of the build that the job publishes.

        Raises InputError if it is missing or malformed, or if it names another execution or other
        documents than those of the job: a manifest that the build did not write anew says nothing
        about what was built.
        """
        try:
            data = self._read(manifests.NAME)
        except KeyError as error:
            raise InputError(
                self.where,
                f"the build has no {manifests.NAME} at its root",
                "The frontend's build must write it. See examples/frontend.",
            ) from error
        manifest = manifests.parse(data, f"{self.where}, {manifests.NAME}")
        named = {"execution": manifest.execution}
        named |= {type_: document.version_id for type_, document in manifest.documents.items()}
        for name, found in named.items():
            if found != (expected := job.parameter(name)):
                field = name if name == "execution" else f"documents.{name}.version_id"
                raise InputError(
                    f"{self.where}, {manifests.NAME}",
                    f"{field}: the pipeline took {expected}, found {found!r:.80}",
                    "The frontend's build must write what it gets in the environment variables"
                    " PIPELINE_EXECUTION_ID, IN_VERSION_ID, OPT_VERSION_ID and OUT_VERSION_ID.",
                )
        return manifest


@contextmanager
def unpacked(s3: "S3Client", artifact: Artifact) -> Iterator[Build]:
    """Yield the build in `artifact`, which is kept on disk and not in memory."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(
            s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"], file, 1024 * 1024
        )
        try:
            with zipfile.ZipFile(file) as zipped:
                yield Build(zipped, artifact.where)
        except zipfile.BadZipFile as error:
            raise InputError(
                artifact.where, f"expected a zip, found {error}", "See the log of the Build action."
            ) from error


def run(
    job: Job, site: Site, *, time_left: Callable[[], float], now: Callable[[], datetime]
) -> Done | Continue:
    """Publish the job's build.

    `time_left` returns the seconds in which another upload may start. Then the next invocation
    continues, and finds the uploaded files in the bucket's listing. `now` returns the present time.
    """
    invocation = int((job.progress or {}).get("invocation", 1))
    target = job.output("Publication")
    with unpacked(site.s3, job.input("Site")) as build:
        stored = _stored_plan(job, site, build, target, times.second(now()))
        if stored.outcome == SUPERSEDED:
            return _done(stored, SUPERSEDED)
        outcome = _upload(site, build, stored, time_left)
        if outcome is None:
            if invocation >= INVOCATIONS:
                raise TimedOutError(
                    f"s3://{site.bucket}",
                    f"the build is not completely uploaded after {INVOCATIONS} invocations",
                    "Give the function more memory, which makes it faster. Then retry the stage.",
                )
            return Continue({"invocation": invocation + 1})
    return _done(stored, outcome)


def _done(stored: Publication, outcome: str) -> Done:
    # The actions of the stage Announce use both variables, so both must always be set.
    return Done({"outcome": outcome, "revisions": revision.render(stored.revisions)})


def _stored_plan(job: Job, site: Site, build: Build, target: Artifact, at: str) -> Publication:
    """Return the plan of an earlier invocation, or else make and store a new one.

    During an upload the bucket no longer shows which files have changed, but the stored plan does.
    """
    if stored := _read(site, target):
        return stored
    execution = job.parameter("execution")
    headers = {key: file.headers for key, file in build.files.items()}
    manifest, digests = build.manifest(job), build.digests
    for _ in range(BEGINNINGS):
        known, etag = site.published()
        # Another delivery of this job may have stored its plan before this state was written, and
        # may be overtaken since. A delivery that begins later changes the state.
        if stored := _read(site, target):
            return stored
        made = publication.plan(
            execution=execution,
            at=at,
            build=digests,
            headers={key: one.digest for key, one in headers.items()},
            lasting={one.digest for one in headers.values() if one.is_immutable},
            manifest=manifest,
            bucket=site.listing(),
            in_bucket=site.manifest(),
            published=known,
        )
        if made.outcome == SUPERSEDED or site.begin(made, known, etag):
            return _store(site, target, made)
    raise RemoteCallError(
        f"s3://{site.metadata_bucket}/{STATE_KEY}",
        f"other executions changed it {BEGINNINGS} times in a row",
        "Retry the stage.",
    )


def _read(site: Site, target: Artifact) -> Publication | None:
    data = jobs.read(site.s3, target)
    return None if data is None else publication.parse(data, target.where)


def _store(site: Site, target: Artifact, plan: Publication) -> Publication:
    """Store a plan and return it, or the plan of another invocation that was faster."""
    if jobs.write(site.s3, target, publication.render(plan)):
        return plan
    return publication.parse(jobs.read(site.s3, target) or b"", target.where)


def _upload(
    site: Site, build: Build, stored: Publication, time_left: Callable[[], float]
) -> str | None:
    """Upload the files of the plan, group by group. Return None if the time is up before the end.

    The bucket is listed again after each group, because the Verify action of the previous execution
    may delete files that this build has again. Then the state is read: if a later execution has
    begun, this invocation may be a late second delivery. An upload after that replaces only the
    listed object.
    """
    objects = build.files
    written: set[str] = set()
    with ThreadPoolExecutor(UPLOADS) as pool:
        for _ in range(ROUNDS):
            bucket = site.listing()
            waiting = publication.order(
                stored.keys, bucket, stored.again, written, lambda key: objects[key].headers.is_page
            )
            if not site.is_held_by(stored.execution):
                return OVERTAKEN
            if not waiting:
                return stored.outcome
            upload = partial(_upload_one, site, build, objects, bucket, time_left)
            if not all(list(pool.map(upload, waiting[0]))):
                return None
            written.update(waiting[0])
    raise RemoteCallError(
        f"s3://{site.bucket}",
        f"{waiting[0][0]} differs from the uploaded file after {ROUNDS} attempts",
        "Check that nothing else writes to the bucket, and that its encryption is SSE-S3.",
    )


def _upload_one(
    site: Site,
    build: Build,
    objects: Mapping[str, File],
    bucket: Mapping[str, Listed],
    time_left: Callable[[], float],
    key: str,
) -> bool:
    """Upload an object, unless the time is up. The next listing shows the result."""
    if time_left() <= 0:
        return False
    file = objects[key]
    with build.opened(file) as (content, size):
        site.upload(key, content, bucket.get(key), ContentLength=size, **file.headers.arguments())
    return True
