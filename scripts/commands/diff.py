"""Shows the changes that visitors will see: compares the website with the documents.

With --from, compares the documents with those of another environment, which shows the changes that
promotions from there would bring. Prints each difference by type. Exits with 0 with and without
differences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from phaseline.algorithms.names import TYPES
from phaseline.documents import diff
from phaseline.documents.diff import Difference
from phaseline.documents.document import Document
from phaseline.site import manifests
from scripts.cli.console import Console, json_option
from scripts.cli.options import ENVIRONMENT, environment_option
from scripts.services import Services


@click.command(name="diff", help=__doc__)
@environment_option()
@click.option(
    "--from",
    "other",
    type=ENVIRONMENT,
    help="Compare with the documents of this environment instead of the website.",
)
@json_option
def command(environment: str, other: str | None, as_json: bool) -> None:
    services = Services(environment)
    if other:
        sides = (f"the documents of {environment}", f"those of {other}")
        pairs = [*zip(newest(services), newest(Services(other)), strict=True)]
    else:
        sides = (f"the website of {environment}", "its documents")
        # The website is read first, so that no document is older than the one it shows.
        shown = on_website(services)
        pairs = [*zip(shown, newest(services), strict=True)]
    differences = [
        difference
        for before, after in pairs
        for difference in diff.compare_documents(before, after)
        if difference.is_visible
    ]
    value = {
        "before": sides[0],
        "after": sides[1],
        "revisions": {after.type: [before.revision, after.revision] for before, after in pairs},
        "differences": [asdict(difference) for difference in differences],
    }
    Console(as_json=as_json).result(value, lines(sides, pairs, differences))


def newest(services: Services) -> list[Document]:
    """Return the present documents of an environment."""
    return [services.documents.read(type_).document for type_ in TYPES]


def on_website(services: Services) -> list[Document]:
    """Return the document versions from which the website was built, or empty documents."""
    manifest = manifests.fetch(services.environment.site_url)
    return [
        services.documents.read_version(type_, manifest.documents[type_].version_id).document
        if type_ in manifest.documents
        else Document(type_)
        for type_ in TYPES
    ]


def lines(
    sides: tuple[str, str],
    pairs: Sequence[tuple[Document, Document]],
    differences: Sequence[Difference],
) -> Iterator[str]:
    """Return the lines for people: both sides, and the differences by type."""
    yield f"from {sides[0]} to {sides[1]}:"
    for before, after in pairs:
        yield f"{after.type}: revision {before.revision} -> {after.revision}"
        of_type = [difference for difference in differences if difference.type == after.type]
        yield from (f"  {difference}" for difference in of_type)
        if not of_type:
            yield "  no difference that visitors would see"
