"""Reports of drift: one with findings of each kind, and one without any."""

from phaseline.drift.report import Explained, Failure, Finding, Repair, Report

LOST = Finding(
    "lost-promotion",
    "opt/route-planner",
    "2.0.0 is tested, 1.0.0 is active",
    "2.0.0 is tested and was never released.",
    Repair("release", {"type": "opt"}),
)


BUCKET = Finding(
    "stack-drift",
    "stack demo-site",
    "Bucket: <b>",
    "Bucket is not as declared: expected <a>, found @all.",
    file="infra/site.yaml",
    line=12,
)


FOUND = Report(
    "demo",
    "2026-11-25T10:00:00Z",
    (BUCKET, LOST),
    (Explained("opt/lane-change", "2.0.0 waits behind a hold"),),
    ("stack demo-site: Policy (AWS::S3::BucketPolicy)",),
    (Failure("website", "it was not reached"),),
)


CLEAN = Report("demo", "2026-11-25T10:00:00Z", unchecked=FOUND.unchecked)
