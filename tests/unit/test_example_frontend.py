"""The example frontend, built by the commands of its own buildspec."""

import html.parser
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import hostile

FRONTEND = Path(__file__).parents[2] / "examples" / "frontend"
TYPES = ("in", "opt", "out")


def algorithm(version: str, since: str = "2026-11-24T20:00:00Z", **display: str) -> dict[str, Any]:
    """One entry of a document."""
    return {"version": version, "display": display, "release": "r", "sequence": "1", "since": since}


DOCUMENTS: dict[str, dict[str, Any]] = {
    "in": {"gauge-reader": algorithm("3.2.1", "2026-11-02T09:12:00Z", title="Gauge reader")},
    "opt": {
        "route-planner": algorithm("2.1.0", title="Route planner", summary="Plans a day."),
        "sneaky": algorithm("1.0.0", title="<script>alert('x')</script>", summary='"&"'),
    },
    "out": {},
}


class Build:
    """A copy of the frontend and its three input artifacts in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src"
        self.dist = self.source / "dist"
        self.folder = folder
        shutil.copytree(FRONTEND, self.source, ignore=shutil.ignore_patterns("dist"))
        self.environment = {
            "PATH": os.environ["PATH"],
            "CODEBUILD_SRC_DIR": str(self.source),
            "FRONTEND_COMMIT": "3ae70ceb4c0de5a1f00dfeedbeef1234567890ab",
            "PIPELINE_EXECUTION_ID": "9f7e-execution",
        }
        for revision, type_ in enumerate(TYPES, start=1):
            artifact = f"{type_.capitalize()}Metadata"
            (folder / artifact).mkdir()
            self.environment[f"CODEBUILD_SRC_DIR_{artifact}"] = str(folder / artifact)
            self.environment[f"{type_.upper()}_VERSION_ID"] = f"version-of-{type_}"
            self.document(type_, revision=revision)

    def document(self, type_: str, **changes: Any) -> Path:
        """Write one document, with changes to its sample."""
        content = {"schema": 2, "type": type_, "algorithms": DOCUMENTS[type_], "withdrawn": {}}
        path = self.folder / f"{type_.capitalize()}Metadata" / f"{type_}.json"
        path.write_text(json.dumps(content | changes), encoding="utf-8")
        return path

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the buildspec's commands as CodeBuild does: in order, until one fails."""
        spec = yaml.safe_load((self.source / "buildspec.yml").read_text(encoding="utf-8"))
        commands = [
            command for phase in spec["phases"].values() for command in phase.get("commands", [])
        ]
        return subprocess.run(
            ["sh", "-ec", "\n".join(commands)],
            cwd=self.source,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def files(self) -> dict[str, bytes]:
        """What the build wrote."""
        return {
            path.relative_to(self.dist).as_posix(): path.read_bytes()
            for path in self.dist.rglob("*")
            if path.is_file()
        }

    def page(self, name: str) -> str:
        """One page of what the build wrote, its spaces made plain."""
        text = (self.dist / name).read_text(encoding="utf-8")
        return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A frontend that can be built."""
    return Build(tmp_path)


def test_site_holds_the_expected_files(build: Build) -> None:
    """The buildspec leaves the pages, the hashed assets and the manifest in its base directory."""
    outcome = build.run()

    assert outcome.returncode == 0, outcome.stderr
    spec = yaml.safe_load((build.source / "buildspec.yml").read_text(encoding="utf-8"))
    assert (spec["version"], spec["artifacts"]["base-directory"]) == (0.2, "dist")
    files = sorted(re.sub(r"\.[0-9a-f]{12}\.", ".HASH.", name) for name in build.files())
    assert files == [
        "404.html",
        "assets/mark.HASH.svg",
        "assets/style.HASH.css",
        "in.html",
        "index.html",
        "opt.html",
        "out.html",
        "phaseline.json",
    ]


def test_manifest_names_what_was_built(build: Build) -> None:
    """phaseline.json holds the commit, the execution and each document's revision and versions."""
    build.run()

    assert json.loads(build.page("phaseline.json")) == {
        "schema": 1,
        "commit": "3ae70ceb4c0de5a1f00dfeedbeef1234567890ab",
        "execution": "9f7e-execution",
        "documents": {
            "in": {
                "version_id": "version-of-in",
                "revision": 1,
                "versions": {"gauge-reader": "3.2.1"},
            },
            "opt": {
                "version_id": "version-of-opt",
                "revision": 2,
                "versions": {"route-planner": "2.1.0", "sneaky": "1.0.0"},
            },
            "out": {"version_id": "version-of-out", "revision": 3, "versions": {}},
        },
    }


def test_pages_show_the_active_versions(build: Build) -> None:
    """The first page shows all types; a type's page shows its own algorithms and revision only."""
    build.run()

    index, opt = build.page("index.html"), build.page("opt.html")
    for text in ("Gauge reader", "3.2.1", "Route planner", "2.1.0", "Plans a day.", "24 Nov 2026"):
        assert text in index
    assert "3 algorithms active" in index
    assert 'datetime="2026-11-02T09:12:00Z"' in index
    assert "Route planner" in opt
    assert "Gauge reader" not in opt
    assert "revision 2" in opt
    assert "revision 1" not in opt
    assert "3ae70ceb" in opt
    assert "9f7e-execution" not in index + opt


def test_values_are_escaped(build: Build) -> None:
    """Markup in a title or summary is shown as text."""
    build.run()

    assert "<script" not in build.page("index.html")
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in build.page("index.html")
    assert "&quot;&amp;&quot;" in build.page("opt.html")


def test_empty_type_says_so(build: Build) -> None:
    """A type without algorithms says that nothing is there yet, and so does an empty site."""
    build.run()
    assert "Nothing here yet" in build.page("out.html")

    for type_ in TYPES:
        build.document(type_, revision=1, algorithms={})
    assert build.run().returncode == 0
    assert "No algorithm is active yet" in build.page("index.html")


def test_algorithm_without_display_shows_its_name(build: Build) -> None:
    """A title and summary are not required: the algorithm's name stands in."""
    entry = {"version": "1.2.3", "since": "2026-01-01T00:00:00+02:00"}
    build.document("out", revision=4, algorithms={"plain-one": entry})

    assert build.run().returncode == 0
    assert ">plain-one</h2>" in build.page("out.html")
    assert "31 Dec 2025" in build.page("out.html")


def test_pages_are_well_formed_and_reach_their_assets(build: Build) -> None:
    """Each page closes what it opens, has one h1, and links only to files of the build."""
    build.run()
    files = build.files()

    for name in [name for name in files if name.endswith(".html")]:
        page = build.page(name)
        checker = Checker()
        checker.feed(page)
        assert checker.open == [], name
        assert checker.headings.count("h1") == 1, name
        for target in re.findall(r'(?:href|src)="/([^"]*)"', page):
            assert (target or "index.html") in files, (name, target)


def test_hostile_values_change_no_structure(build: Build) -> None:
    """A page of hostile titles and summaries has the elements of a page of plain ones."""
    texts = [text for name, text in hostile.TEXTS.items() if "surrogate" not in name]
    texts = [text[:10_000] for text in texts if "\udcff" not in text]
    structures = []
    for shown in (["plain"] * len(texts), texts):
        entries = {
            f"a{number:02}": algorithm("1.0.0", title=text, summary=text)
            for number, text in enumerate(shown)
        }
        build.document("opt", algorithms=entries, revision=2)
        assert build.run().returncode == 0
        structures.append(
            {name: structure(build.page(name)) for name in ("index.html", "opt.html")}
        )
    assert structures[0] == structures[1]


def structure(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """The elements of a page, each with the names of its attributes."""
    found: list[tuple[str, tuple[str, ...]]] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, tuple(name for name, _ in attrs)))

    Reader().feed(page)
    return found


class Checker(html.parser.HTMLParser):
    """Keeps the elements that are open, and the headings."""

    VOID = ("meta", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Open an element."""
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one."""
        assert self.open.pop() == tag


def test_equal_inputs_give_equal_bytes(build: Build) -> None:
    """A second build of the same inputs, listed in another order, changes no byte."""
    build.run()
    first = build.files()
    build.document("opt", revision=2, algorithms=dict(reversed(DOCUMENTS["opt"].items())))
    build.run()

    assert build.files() == first


def test_release_of_one_type_changes_only_its_pages(build: Build) -> None:
    """A new version changes the first page, its type's page and the manifest, nothing else."""
    build.run()
    first = build.files()
    build.document("opt", revision=3, algorithms={"route-planner": algorithm("2.2.0")})
    build.environment |= {"PIPELINE_EXECUTION_ID": "next", "OPT_VERSION_ID": "next"}
    build.run()

    changed = {name for name, content in build.files().items() if content != first.get(name)}
    assert changed == {"index.html", "opt.html", "phaseline.json"}


def test_style_change_changes_its_name(build: Build) -> None:
    """Another style sheet is another file, and the old one is gone."""
    build.run()
    first = {name for name in build.files() if name.endswith(".css")}
    with (build.source / "assets" / "style.css").open("a", encoding="utf-8") as style:
        style.write("body { color: red; }\n")
    build.run()

    second = {name for name in build.files() if name.endswith(".css")}
    assert (len(first), len(second), first & second) == (1, 1, set())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema": 1}, "schema: this build reads schema 2, found 1"),
        ({"schema": True}, "schema: expected a whole number, found true"),
        ({"type": "in"}, "type: expected 'opt', found 'in'"),
        ({"algorithms": []}, "algorithms: expected an object, found []"),
        ({"algorithms": {"a": 1}}, "algorithms.a: expected an object, found 1"),
        ({"algorithms": {"a": {"since": "x"}}}, "algorithms.a.since: expected an ISO 8601 time"),
        (
            {"algorithms": {"a": {"since": "2026-01-01"}}},
            "algorithms.a.version: expected a string, it is missing",
        ),
        (
            {"algorithms": {"a": algorithm("1") | {"display": {"title": 3}}}},
            "algorithms.a.display.title: expected a string, found 3",
        ),
    ],
)
def test_wrong_document_stops_the_build(
    build: Build, changes: dict[str, Any], expected: str
) -> None:
    """A document of another shape fails the build, naming the file and the key."""
    path = build.document("opt", **({"revision": 2} | changes))
    outcome = build.run()

    assert outcome.returncode == 1
    assert f"{path}: {expected}" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not build.dist.exists()


def test_missing_or_corrupt_document_stops_the_build(build: Build) -> None:
    """A file that is absent, or not JSON, is named."""
    path = build.document("out", revision=1)
    path.write_bytes(b"\xff\xfe{")
    assert f"{path}: not JSON in UTF-8" in build.run().stderr
    path.write_text("[]", encoding="utf-8")
    assert f"{path}: expected an object, found []" in build.run().stderr
    path.unlink()
    outcome = build.run()
    assert outcome.returncode == 1
    assert f"{path}: no such file. Does metadata/out.zip hold it?" in outcome.stderr


@pytest.mark.parametrize("name", ["OPT_VERSION_ID", "FRONTEND_COMMIT", "PIPELINE_EXECUTION_ID"])
def test_missing_setting_stops_the_build(build: Build, name: str) -> None:
    """A variable that the pipeline should have set is named, and nothing is written."""
    del build.environment[name]
    outcome = build.run()

    assert outcome.returncode == 1
    assert f"environment: {name} is not set" in outcome.stderr
    assert not build.dist.exists()
