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
    here = Services(environment)
    if other:
        sides = (f"the documents of {environment}", f"those of {other}")
        pairs = [*zip(newest(here), newest(Services(other)), strict=True)]
    else:
        sides = (f"the website of {environment}", "its documents")
        # The website first: a document that is read after it is never older than what it shows.
        shown = on_website(here)
        pairs = [*zip(shown, newest(here), strict=True)]
    found = [
        one
        for before, after in pairs
        for one in diff.compare_documents(before, after)
        if one.is_visible
    ]
    value = {
        "before": sides[0],
        "after": sides[1],
        "revisions": {after.type: [before.revision, after.revision] for before, after in pairs},
        "differences": [asdict(one) for one in found],
    }
    Console(as_json=as_json).result(value, lines(sides, pairs, found))


def newest(services: Services) -> list[Document]:
    """An environment's documents as they are now."""
    return [services.documents.read(type_).document for type_ in TYPES]


def on_website(services: Services) -> list[Document]:
    """The versions of the documents that the website was built from, empty where it had none."""
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
    found: Sequence[Difference],
) -> Iterator[str]:
    """What is compared, and each difference from the one to the other."""
    yield f"from {sides[0]} to {sides[1]}:"
    for before, after in pairs:
        yield f"{after.type}: revision {before.revision} -> {after.revision}"
        mine = [one for one in found if one.type == after.type]
        yield from (f"  {one}" for one in mine)
        if not mine:
            yield "  no difference that visitors would see"
