"""Build the site from this repository and the three metadata documents. Standard library only.

Reads `in.json`, `opt.json` and `out.json`, each from the folder of its input artifact, and
writes `dist/`: the pages, the assets under names that change with their content, and
`phaseline.json`, which names the versions that were built. Equal inputs give equal bytes.

    python3 build.py        # in CodeBuild, or by hand with the variables that README.md lists
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

TYPES = {
    "in": ("Input", "Read, clean and align the incoming data."),
    "opt": ("Optimisation", "Search for the best plan within the given limits."),
    "out": ("Output", "Format and deliver the result."),
}
DOCUMENT_SCHEMA, MANIFEST_SCHEMA = 2, 1
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
KINDS = {dict: "an object", str: "a string", int: "a whole number"}


class BuildError(Exception):
    """An invalid input. The message names the file and the key."""


@dataclass(frozen=True)
class Algorithm:
    """An algorithm and its active version."""

    name: str
    version: str
    title: str
    summary: str
    since: datetime


@dataclass(frozen=True)
class Document:
    """One metadata document, as one version of its S3 object."""

    type: str
    revision: int
    version_id: str
    algorithms: tuple[Algorithm, ...]


# ---- reading -----------------------------------------------------------------------------


def setting(environment: Mapping[str, str], name: str) -> str:
    """The value of an environment variable that must be there."""
    if not (value := environment.get(name, "")):
        raise BuildError(
            f"environment: {name} is not set. The pipeline's Build action sets it; "
            "README.md lists what a build by hand needs."
        )
    return value


def field(where: str, holder: Mapping[str, Any], key: str, kind: type) -> Any:
    """`holder[key]`, checked to be of `kind`; `where` is the file and the path to `holder`."""
    value = holder.get(key)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    found = f"found {json.dumps(value)[:80]}" if key in holder else "it is missing"
    raise BuildError(f"{where}{key}: expected {KINDS[kind]}, {found}.")


def read_algorithm(where: str, name: str, entry: Mapping[str, Any]) -> Algorithm:
    """One entry of a document's `algorithms`; without a display title, its name is shown."""
    display = {
        "title": name,
        "summary": "",
        **field(where, {"display": {}, **entry}, "display", dict),
    }
    since = field(where, entry, "since", str)
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise BuildError(f"{where}since: expected an ISO 8601 time, found {since!r}.") from None
    return Algorithm(
        name=name,
        version=field(where, entry, "version", str),
        title=field(f"{where}display.", display, "title", str),
        summary=field(f"{where}display.", display, "summary", str),
        since=moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC),
    )


def read_document(type_: str, environment: Mapping[str, str]) -> Document:
    """The document of one algorithm type, from the folder of its input artifact."""
    folder = setting(environment, f"CODEBUILD_SRC_DIR_{type_.capitalize()}Metadata")
    path = Path(folder) / f"{type_}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{path}: no such file. Does metadata/{type_}.zip hold it?") from None
    except ValueError as error:
        raise BuildError(f"{path}: not JSON in UTF-8: {error}.") from None
    where = f"{path}: "
    if not isinstance(content, dict):
        raise BuildError(f"{where}expected an object, found {json.dumps(content)[:80]}.")
    if (schema := field(where, content, "schema", int)) != DOCUMENT_SCHEMA:
        raise BuildError(
            f"{where}schema: this build reads schema {DOCUMENT_SCHEMA}, found {schema}."
        )
    if (found := field(where, content, "type", str)) != type_:
        raise BuildError(f"{where}type: expected {type_!r}, found {found!r}.")
    entries = field(where, content, "algorithms", dict)
    algorithms = (
        read_algorithm(
            f"{where}algorithms.{name}.", name, field(f"{where}algorithms.", entries, name, dict)
        )
        for name in entries
    )
    return Document(
        type=type_,
        revision=field(where, content, "revision", int),
        version_id=setting(environment, f"{type_.upper()}_VERSION_ID"),
        algorithms=tuple(sorted(algorithms, key=lambda item: (item.title.casefold(), item.name))),
    )


# ---- pages -------------------------------------------------------------------------------


def day(moment: datetime) -> str:
    """A date as people read it: 24 Nov 2026, on one line, and the same whatever the locale."""
    return (
        f"{moment.day}\N{NO-BREAK SPACE}{MONTHS[moment.month - 1]}\N{NO-BREAK SPACE}{moment.year}"
    )


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 algorithm, 2 algorithms."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Pages:
    """The pages of one build: its templates, the hashed names of its assets, its commit."""

    templates: Path
    assets: Mapping[str, str]
    commit: str

    def fill(self, template: str, markup: Mapping[str, str] | None = None, /, **text: str) -> str:
        """A template with its places filled: `text` is escaped, `markup` is HTML already."""
        content = (self.templates / template).read_text(encoding="utf-8")
        return Template(content).substitute(
            {key: escape(value) for key, value in text.items()}, **markup or {}
        )

    def page(self, path: str, title: str, main: str, documents: Sequence[Document]) -> str:
        """A whole page; its footer names the commit and the documents that it shows.

        No page names the execution: a page whose content did not change keeps its bytes, and
        so is neither uploaded nor invalidated.
        """
        links = {"/": "All", **{f"/{type_}.html": label for type_, (label, _) in TYPES.items()}}
        nav = "".join(
            self.fill(
                "link.html",
                {"current": ' aria-current="page"' if href == path else ""},
                href=href,
                label=label,
            )
            for href, label in links.items()
        )
        sources = "".join(
            self.fill("source.html", type=item.type, revision=str(item.revision))
            for item in documents
        )
        return self.fill(
            "page.html",
            {"nav": nav, "main": main, "sources": sources},
            title=title,
            style=self.assets["style.css"],
            mark=self.assets["mark.svg"],
            commit=self.commit,
            commit_short=self.commit[:8],
        )

    def section(self, document: Document, level: str) -> str:
        """One type with its algorithms, under a heading of `level` (`h1` or `h2`)."""
        label, purpose = TYPES[document.type]
        cards = "".join(
            self.fill(
                "algorithm.html",
                {"heading": "h3" if level == "h2" else "h2"},
                name=item.name,
                version=item.version,
                title=item.title,
                summary=item.summary,
                since=item.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
                since_day=day(item.since),
            )
            for item in document.algorithms
        )
        return self.fill(
            "section.html",
            {
                "heading": level,
                "body": f'<ul class="cards">{cards}</ul>' if cards else self.fill("empty.html"),
            },
            type=document.type,
            label=label,
            purpose=purpose,
            count=f"{len(document.algorithms)} active",
        )

    def index(self, documents: Sequence[Document]) -> str:
        """The first page: a line about the whole, then the three types."""
        everything = [item for document in documents for item in document.algorithms]
        lead = "No algorithm is active yet. The first version that passes its tests shows up here."
        if everything:
            newest = max(everything, key=lambda item: (item.since, item.name))
            lead = (
                f"{count(len(everything), 'algorithm')} active. The newest arrival is "
                f"{newest.title} {newest.version}, since {day(newest.since)}."
            )
        return self.fill(
            "index.html",
            {"sections": "".join(self.section(document, "h2") for document in documents)},
            lead=lead,
        )


# ---- writing -----------------------------------------------------------------------------


def write(path: Path, content: str) -> None:
    """Write text as UTF-8 with bare line feeds, making the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())


def copy_assets(source: Path, target: Path) -> dict[str, str]:
    """Copy each asset under a name that carries its content's hash; return the new URLs by name.

    A cache may keep such a file for ever: another content is another name.
    """
    target.mkdir(parents=True)
    urls = {}
    for path in sorted(source.iterdir()):
        content = path.read_bytes()
        name = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        (target / name).write_bytes(content)
        urls[path.name] = f"/{target.name}/{name}"
    return urls


def manifest(documents: Sequence[Document], environment: Mapping[str, str]) -> dict[str, Any]:
    """`phaseline.json`: the commit, the execution and the documents that this site shows."""
    return {
        "schema": MANIFEST_SCHEMA,
        "commit": setting(environment, "FRONTEND_COMMIT"),
        "execution": setting(environment, "PIPELINE_EXECUTION_ID"),
        "documents": {
            document.type: {
                "version_id": document.version_id,
                "revision": document.revision,
                "versions": {item.name: item.version for item in document.algorithms},
            }
            for document in documents
        },
    }


def build(source: Path, dist: Path, environment: Mapping[str, str]) -> list[Document]:
    """Read everything, then write the whole site to `dist`, replacing what was there."""
    documents = [read_document(type_, environment) for type_ in TYPES]
    site = manifest(documents, environment)
    shutil.rmtree(dist, ignore_errors=True)
    pages = Pages(
        templates=source / "templates",
        assets=copy_assets(source / "assets", dist / "assets"),
        commit=site["commit"],
    )
    write(dist / "index.html", pages.page("/", "Algorithms", pages.index(documents), documents))
    for document in documents:
        path = f"/{document.type}.html"
        main = pages.section(document, "h1")
        write(
            dist / path[1:],
            pages.page(path, f"{TYPES[document.type][0]} algorithms", main, [document]),
        )
    write(dist / "404.html", pages.page("", "Not found", pages.fill("404.html"), []))
    write(dist / "phaseline.json", json.dumps(site, indent=2, sort_keys=True) + "\n")
    return documents


def main() -> int:
    """Build from the process's environment into `dist/` beside this file."""
    here = Path(__file__).resolve().parent
    try:
        documents = build(here, here / "dist", os.environ)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    for item in documents:
        print(f"{item.type} revision {item.revision}: {count(len(item.algorithms), 'algorithm')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
