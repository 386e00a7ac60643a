"""Publishes a build into the website's bucket, so that each page finds the files that it uses.

Files that pages use are uploaded first, then the pages, then the manifest. Old files stay until
Verify has seen the new manifest through the CDN, because cached pages still use them.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.documents import revision
from phaseline.errors import InputError, RemoteCallError, TimedOutError
from phaseline.pipeline import jobs
from phaseline.pipeline.jobs import Artifact, Continue, Done, Job
from phaseline.site import manifests, publication
from phaseline.site.bucket import STATE_KEY, Site
from phaseline.site.manifests import ServedManifest
from phaseline.site.outcomes import OVERTAKEN, SUPERSEDED
from phaseline.site.publication import Publication

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
KEY_LIMIT = 1024
"""Bytes of an S3 key. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


@dataclass(frozen=True)
class Build:
    """The zip of the Build action, whose files are unpacked one by one during the upload."""

    zipped: zipfile.ZipFile
    where: str

    def digests(self) -> dict[str, str]:
        """Each file with its MD5. Raises InputError for a name that no website has."""
        files = [entry for entry in self.zipped.infolist() if not entry.is_dir()]
        total = sum(entry.file_size for entry in files)
        if len(files) > FILES_LIMIT or total > SIZE_LIMIT:
            raise InputError(
                self.where,
                f"expected at most {FILES_LIMIT} files of {SIZE_LIMIT} bytes together,"
                f" found {len(files)} of {total}",
                "Correct base-directory in the frontend's buildspec.yml.",
            )
        digests: dict[str, str] = {}
        for entry in files:
            if not _is_key(entry.filename) or entry.filename in digests:
                raise InputError(
                    self.where,
                    f"the file name {entry.filename!r} is not a plain path that stands once",
                    "Correct the frontend's build.",
                )
            with self.zipped.open(entry) as content:
                digests[entry.filename] = manifests.stream_digest(content)
        return digests

    def manifest(self) -> ServedManifest:
        """Return the build's manifest. Raises InputError if it is missing or malformed."""
        try:
            data = self.zipped.read(manifests.NAME)
        except KeyError as error:
            raise InputError(
                self.where,
                f"the build has no {manifests.NAME} at its root",
                "The frontend's build must write it. See examples/frontend.",
            ) from error
        return manifests.parse(data, f"{self.where}, {manifests.NAME}")


@contextmanager
def opened(s3: "S3Client", artifact: Artifact) -> Iterator[Build]:
    """The build in `artifact`, kept on disk and not in memory while it is open."""
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


def run(job: Job, site: Site, *, time_left: Callable[[], float]) -> Done | Continue:
    """Publish the job's build.

    `time_left` returns the seconds in which another upload may start. Then the next invocation
    continues, and finds the uploaded files in the bucket's listing.
    """
    invocation = int((job.progress or {}).get("invocation", 1))
    target = job.output("Publication")
    with opened(site.s3, job.input("Site")) as build:
        stored = _stored_plan(job, site, build, target)
        if stored.outcome == SUPERSEDED:
            return _done(stored, SUPERSEDED)
        if not site.is_held_by(stored.execution):
            return _done(stored, OVERTAKEN)
        if not _upload(site, build, stored.keys, time_left):
            if invocation >= INVOCATIONS:
                raise TimedOutError(
                    f"s3://{site.bucket}",
                    f"the build is not completely uploaded after {INVOCATIONS} invocations",
                    "Give the function more memory, which makes it faster. Then retry the stage.",
                )
            return Continue({"invocation": invocation + 1})
    return _done(stored, stored.outcome)


def _done(stored: Publication, outcome: str) -> Done:
    # The actions of the stage Announce use both variables, so both must always be set.
    return Done({"outcome": outcome, "revisions": revision.render(stored.revisions)})


def _stored_plan(job: Job, site: Site, build: Build, target: Artifact) -> Publication:
    """Return the plan of an earlier invocation, or else make and store a new one.

    During an upload the bucket no longer shows which files have changed, but the stored plan does.
    """
    data = jobs.read(site.s3, target)
    if data is None:
        plan = _begin(job.parameter("execution"), site, build)
        if jobs.write(site.s3, target, publication.render(plan)):
            return plan
        data = jobs.read(site.s3, target) or b""  # another invocation was faster
    return publication.parse(data, target.where)


def _begin(execution: str, site: Site, build: Build) -> Publication:
    """A new plan, made from a state in which this execution is noted as the one that publishes."""
    digests, manifest = build.digests(), build.manifest()
    for _ in range(BEGINNINGS):
        known, etag = site.published()
        made = publication.plan(
            execution=execution,
            build=digests,
            manifest=manifest,
            bucket=site.listing(),
            in_bucket=site.manifest(),
            published=known,
        )
        if made.outcome == SUPERSEDED or site.begin(execution, known, etag):
            return made
    raise RemoteCallError(
        f"s3://{site.metadata_bucket}/{STATE_KEY}",
        f"other executions changed it {BEGINNINGS} times in a row",
        "Retry the stage.",
    )


def _upload(
    site: Site, build: Build, keys: Mapping[str, str], time_left: Callable[[], float]
) -> bool:
    """Bring the bucket to `keys`, group by group; False where the time is up before the end.

    The bucket is listed again after each group, because the Verify action of the execution
    before this one may be pruning files that it could not know to be wanted again.
    """

    def upload(key: str) -> bool:
        if time_left() <= 0:
            return False
        with build.zipped.open(key) as content:
            site.s3.put_object(
                Bucket=site.bucket,
                Key=key,
                Body=content,
                ContentLength=build.zipped.getinfo(key).file_size,
                ContentType=publication.content_type(key),
                CacheControl=publication.cache_control(key),
            )
        return True

    with ThreadPoolExecutor(UPLOADS) as pool:
        for _ in range(ROUNDS):
            waiting = publication.order(keys, site.listing())
            if not waiting:
                return True
            if not all(list(pool.map(upload, waiting[0]))):
                return False
    raise RemoteCallError(
        f"s3://{site.bucket}",
        f"{waiting[0][0]} differs from the uploaded file after {ROUNDS} attempts",
        "Check that nothing else writes to the bucket, and that its encryption is SSE-S3.",
    )


def _is_key(name: str) -> bool:
    parts = name.split("/")
    return (
        len(name.encode()) <= KEY_LIMIT
        and not {"", ".", ".."} & set(parts)
        and "\\" not in name
        and name.isprintable()
    )
