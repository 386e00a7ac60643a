"""CloudFront's validation of invalidation paths, which ministack lacks."""

from collections.abc import Callable
from typing import Any

from local.cdn.invalidation_paths import is_taken

Answer = tuple[Any, ...]
REFUSED = "Your request contains one or more invalid invalidation paths."


def refusing_paths(original: Callable[[str, bytes], Answer], cloudfront: Any) -> Any:
    """Wrap CreateInvalidation so that an invalid path refuses the whole request."""

    def create(distribution: str, body: bytes) -> Answer:
        batch = cloudfront._parse_body(body)
        paths = None if batch is None else cloudfront._find(batch, "Paths")
        items = None if paths is None else cloudfront._find(paths, "Items")
        if items is not None and not all(is_taken(item.text or "") for item in items):
            refused: Answer = cloudfront._error("InvalidArgument", REFUSED, 400)
            return refused
        return original(distribution, body)

    return create


def no_functions(_: Any) -> dict[str, str]:
    """Return no functions for a cache behavior in ministack's data plane, which would need Node.js.

    The edge runs the functions before its cache.
    """
    return {}
