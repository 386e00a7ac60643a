"""Invalidates changed files in CloudFront, once for each execution.

CloudFront identifies a request by its CallerReference. The same reference with the same paths
returns the existing invalidation. So the reference is made from the execution and the paths, and
after a lost answer the request is repeated.
https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from phaseline.errors import ConfigurationError, TimedOutError
from phaseline.site.invalidation_paths import EVERYTHING, reference

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_cloudfront.type_defs import DistributionSummaryTypeDef

PATIENCE = 20.0
"""Seconds for which one invocation creates or polls the invalidation."""
AGE_LIMIT = 1_800.0
"""Seconds from the first attempt until an invalidation fails. CloudFront usually needs one or two
minutes, and more if fifteen other wildcards are in progress."""
LONGEST_PAUSE = 8.0


@dataclass(frozen=True)
class Progress:
    """The progress of an invalidation, which the continuation token contains.

    `started` is in seconds since the epoch. `attempt` is the number of the invocation. `everything`
    means that `/*` replaces the paths.
    """

    started: float
    attempt: int = 1
    invalidation: str | None = None
    everything: bool = False

    def token(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Completed:
    """The invalidation is complete at all edge locations."""

    invalidation: str


@dataclass(frozen=True)
class Cdn:
    """One distribution.

    `pause` waits for a random time of at most the given seconds. `clock` returns seconds since the
    epoch.
    """

    client: "CloudFrontClient"
    distribution: str
    pause: Callable[[float], None]
    clock: Callable[[], float]

    def advance(
        self, execution: str, paths: Sequence[str], progress: Progress
    ) -> Completed | Progress:
        """Create the invalidation, or poll it, for PATIENCE seconds.

        Return Completed, or the Progress for the next invocation. Raises TimedOutError if the
        invalidation was not completed within AGE_LIMIT.
        """
        until = self.clock() + PATIENCE
        wanted = EVERYTHING if progress.everything else tuple(paths)
        known = progress.invalidation
        for attempt in itertools.count():
            if known is None:
                try:
                    known, completed = self._create(execution, wanted)
                except self._refusals():
                    if wanted == EVERYTHING:
                        raise
                    # Not one path of a request is taken if one is refused.
                    wanted = EVERYTHING
                    continue
            else:
                completed = self._completed(known)
            if completed and known:
                return Completed(known)
            pause = min(LONGEST_PAUSE, 2.0**attempt)
            if self.clock() + pause > until:
                break
            self.pause(pause)
        if self.clock() - progress.started > AGE_LIMIT:
            raise self._timed_out(progress, known)
        # CloudFront has separate quotas for 15 wildcards and 3,000 paths. So if the paths exceed
        # one quota, `/*` may be within the other.
        everything = progress.everything or known is None
        return replace(
            progress, attempt=progress.attempt + 1, invalidation=known, everything=everything
        )

    def _create(self, execution: str, paths: Sequence[str]) -> tuple[str | None, bool]:
        """Return the invalidation's ID, or None if too many are in progress; and its completion."""
        try:
            answer = self.client.create_invalidation(
                DistributionId=self.distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": len(paths), "Items": list(paths)},
                    "CallerReference": reference(execution, paths),
                },
            )
        except self.client.exceptions.TooManyInvalidationsInProgress:
            return None, False
        return answer["Invalidation"]["Id"], answer["Invalidation"]["Status"] == "Completed"

    def _refusals(self) -> tuple[type[Exception], ...]:
        exceptions = self.client.exceptions
        return exceptions.InvalidArgument, exceptions.BatchTooLarge

    def _completed(self, invalidation: str) -> bool:
        answer = self.client.get_invalidation(DistributionId=self.distribution, Id=invalidation)
        return answer["Invalidation"]["Status"] == "Completed"

    def _timed_out(self, progress: Progress, invalidation: str | None) -> TimedOutError:
        state = f"{invalidation} is still in progress" if invalidation else "none could be created"
        return TimedOutError(
            f"invalidation of distribution {self.distribution}",
            f"{state} after {progress.attempt} attempts in {AGE_LIMIT:.0f} seconds",
            "Wait for other invalidations of the account's distributions, then retry the stage.",
        )


def find(client: "CloudFrontClient", origin_domain: str) -> str:
    """Return the ID of the only enabled distribution that has exactly this origin.

    Raises ConfigurationError that lists the candidates if there is none or more than one. Staging
    distributions do not count, because they have the origins of their primary distribution.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/continuous-deployment.html
    """
    pages = client.get_paginator("list_distributions").paginate()
    summaries = [item for page in pages for item in page["DistributionList"].get("Items", [])]
    matching = [item for item in summaries if _serves(item, origin_domain)]
    usable = [item for item in matching if item["Enabled"] and not item.get("Staging")]
    if len(usable) == 1:
        return usable[0]["Id"]
    listed = [
        f"{item['Id']} ({item['DomainName']}, {'enabled' if item['Enabled'] else 'disabled'})"
        for item in matching
    ]
    raise ConfigurationError(
        f"CloudFront distributions with the origin {origin_domain}",
        f"expected one that is enabled, found {len(usable)} among {len(summaries)}"
        f" (candidates: {', '.join(listed) or 'none'})",
        "Set DISTRIBUTION_ID to the distribution of the website.",
    )


def _serves(item: "DistributionSummaryTypeDef", origin_domain: str) -> bool:
    # The names must be equal, because "site" is also a part of "site-staging.s3.amazonaws.com".
    names = {origin["DomainName"].lower() for origin in item["Origins"]["Items"]}
    return origin_domain.lower() in names
