"""The modules that decide, each with the unit tests that must find its faults."""

UNIT = "tests/unit"
MODULES = {
    "phaseline.algorithms.changes": [f"{UNIT}/algorithms/test_changes.py"],
    "phaseline.documents.document": [
        f"{UNIT}/documents/test_document.py",
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
    "phaseline.site.cdn": [f"{UNIT}/site/test_cdn.py"],
}
