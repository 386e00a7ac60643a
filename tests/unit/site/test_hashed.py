"""Which names change with the content of a file."""

import pytest

from phaseline.site.hashed import folders, is_hashed


@pytest.mark.parametrize(
    "key",
    [
        "assets/style.3f9ac01b.css",
        "style.3f9ac01b77de.css",
        "style.0123456789ab.css",
        "main.3f2a1b9c.css",  # webpack
        "main.3f2a1b9c.js.map",
        "main.3f2a1b9c.chunk.js",
        "assets/js/runtime~main.1a2b3c4d.js",  # Docusaurus
        "assets/js/17896441.0a1b2c3d.js",
        "assets/javascripts/bundle.6c14ae12.min.js",  # MkDocs Material
        "css/main.min.3b2f9c0d5a6e7f80112233445566778899aabbccddeeff00112233445566aabb.css",  # Hugo
        "chunk-PABCDEFG.mjs",  # esbuild
        "assets/index-BX3k9aZ1.js",  # Vite
        "_next/static/chunks/main-app.js",  # Next.js
        "_next/static/Zk3Qh/_buildManifest.js",
        "_app/immutable/entry/start.js",  # SvelteKit
    ],
)
def test_names_of_bundlers_are_hashed(key: str) -> None:
    """What tools name after its content is kept for ever."""
    assert is_hashed(key)


@pytest.mark.parametrize(
    "key",
    [
        "style.css",
        "style.1234567.css",
        "deadbeef.css",
        "index.html",
        "phaseline.json",
        "news.20261124.html",
        "news.3f2a1b9c.html",
        "_next/static/page.html",
        "news.20261124.pdf",
        "photo-20261124.jpg",
        "backup.202611241015.zip",
        "report-20261124ab.pdf",
        "three-Vector3D.js",
        "jquery-3.7.1.min.js",
        "photo-DSC23456.jpg",
        "track-A1B2C3D4.gpx",
        "convert-Es6ToEs5.js",
        "photo-ORIGINAL.png",
        "logo-JAVASCRIPT.png",
        "step-Page2Of3.png",
        "app-settings.js",
        "my-component.js",
        "a-550e8400-e29b-41d4-a716-446655440000.jpg",
        "service-worker.js",
        "sw.js",
        "facade-decorated.css",
        "index.json",
        "LICENSE",
        "BX3k9aZ1.js",
    ],
)
def test_other_names_are_asked_for_again(key: str) -> None:
    """A page, a date, a version, a word and a number of a camera say nothing of the content."""
    assert not is_hashed(key)


@pytest.mark.parametrize(
    "names",
    [
        ["assets/index-BX3k9aZ1.js", "assets/index-DiwrgTda.css"],  # Vite
        ["assets/index-C-4gTHd0.js", "assets/vendor-BqGFkWNl.js"],
        ["main-5F2JKLMN.js", "styles-ABCDEFGH.css"],  # Angular
        ["_astro/index.BX3k9aZ1.css"],  # Astro
        ["assets/index-BX3k9aZ1.js", "assets/index-BX3k9aZ1.js.map"],
        ["assets/index-BX3k9aZ1.js", "assets/inter-latin-400-normal-C38fXH4l.woff2"],
    ],
)
def test_where_all_scripts_are_hashed_those_that_look_like_words_are(names: list[str]) -> None:
    """A bundler names all that it puts into its folder, and one of them can't be a word."""
    assert all(is_hashed(name, folders(names)) for name in names)


@pytest.mark.parametrize(
    ("others", "key"),
    [
        (["js/app.js"], "js/convert-Mp4ToGif.js"),
        (["js/site-settings.js"], "js/convert-Mp4ToGif.js"),
        (["js/index-DiwrgTda.js"], "js/three-Vector3D.js"),
        (["assets/index-BX3k9aZ1.js"], "assets/photo-IMG_1234.jpg"),
        (["assets/index-BX3k9aZ1.js"], "assets/icon-settings.svg"),
        (["assets/index-BX3k9aZ1.js"], "assets/logo.svg"),
        (["assets/index-BX3k9aZ1.js"], "js/three-Vector3D.js"),
        (["assets/index-BX3k9aZ1.js"], "assets/page-BX3k9aZ1.html"),
    ],
)
def test_among_other_names_a_word_stays_a_word(others: list[str], key: str) -> None:
    """A folder with a script of another kind is no bundler's; pictures there are of all kinds."""
    assert not is_hashed(key, folders([*others, key]))
