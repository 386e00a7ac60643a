"""The modules that decide, each with the unit tests that must find its faults."""

UNIT = "tests/unit"
MODULES = {
    "phaseline.algorithms.changes": [f"{UNIT}/algorithms/test_changes.py"],
    "phaseline.documents.document": [
        f"{UNIT}/documents/test_document.py",
        f"{UNIT}/documents/test_merge.py",
    ],
    "phaseline.documents.entry": [
        f"{UNIT}/documents/test_entry.py",
        f"{UNIT}/documents/test_merge.py",
    ],
    "phaseline.documents.hold": [
        f"{UNIT}/documents/test_hold.py",
        f"{UNIT}/documents/test_merge.py",
    ],
    "phaseline.documents.fallback": [
        f"{UNIT}/documents/test_fallback.py",
        f"{UNIT}/documents/test_merge.py",
    ],
    "phaseline.documents.store": [f"{UNIT}/documents/test_store.py"],
    "phaseline.documents.merge": [f"{UNIT}/documents/test_merge.py"],
    "phaseline.pipeline.blame": [f"{UNIT}/pipeline/test_blame.py"],
    "phaseline.promotion.request": [f"{UNIT}/promotion/test_request.py"],
    "phaseline.promotion.eligibility": [
        f"{UNIT}/promotion/test_eligibility.py",
        f"{UNIT}/promotion/test_carry_out.py",
        f"{UNIT}/promotion/test_concurrent_requests.py",
        f"{UNIT}/promotion/test_repeated_requests.py",
        f"{UNIT}/promotion/test_upstream.py",
    ],
    "phaseline.site.publication": [
        f"{UNIT}/site/test_publication.py",
        f"{UNIT}/site/test_publication_retained.py",
    ],
    "phaseline.site.verdict": [f"{UNIT}/site/test_verdict.py"],
    "phaseline.site.invalidation_paths": [f"{UNIT}/site/test_invalidation_paths.py"],
    "phaseline.site.cdn": [f"{UNIT}/site/test_cdn.py"],
}
