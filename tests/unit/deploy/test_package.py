"""What goes into a Lambda's zip, and that equal input gives equal bytes."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from phaseline.deploy import package
from phaseline.deploy.code_key import parse
from phaseline.errors import ConfigurationError
from tests.builders.archives import compress_otherwise


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write `files` (path -> text) under `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(root: Path) -> list[str]:
    """The zip entries of the function `root/f` with `root` as the environment."""
    built = package.build(root / "f", [root], root / "out" / "f.zip")
    with zipfile.ZipFile(built.path) as zipped:
        return zipped.namelist()


def test_digest_is_the_one_that_lambda_shows(tmp_path: Path) -> None:
    """code_sha256 is the base64 SHA-256 of the file, sha256 the same in hex."""
    tree(tmp_path, {"f/handler.py": "import json\n"})
    built = package.build(tmp_path / "f", [], tmp_path / "f.zip")
    digest = hashlib.sha256(built.path.read_bytes()).digest()
    assert built.code_sha256 == base64.b64encode(digest).decode()
    assert built.sha256 == digest.hex()
    assert built.key.code_sha256 == built.code_sha256
    assert parse(str(built.key)) == built.key
    assert built.size == built.path.stat().st_size
    assert built.name == "f"


def test_content_is_known_whatever_compresses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, {"f/handler.py": "import json\n" * 99})
    first = package.build(tmp_path / "f", [], tmp_path / "1.zip")
    compress_otherwise(monkeypatch)
    second = package.build(tmp_path / "f", [], tmp_path / "2.zip")
    assert first.sha256 != second.sha256
    assert first.content == second.content
    tree(tmp_path, {"f/handler.py": "import json\n" * 98})
    assert package.build(tmp_path / "f", [], tmp_path / "3.zip").content != first.content


@pytest.mark.parametrize(
    "key", ["", "mine.zip", f"code/f/{'a' * 64}.zip", f"code/f/{'A' * 64}-{'a' * 64}.zip"]
)
def test_key_that_deploy_did_not_make_says_nothing(key: str) -> None:
    assert parse(key) is None


def test_only_what_is_imported_is_packed(tmp_path: Path) -> None:
    """Modules that nothing imports, and files that are no modules, stay out."""
    tree(
        tmp_path,
        {
            "f/handler.py": "import os, boto3\nfrom lib.used import x\n",
            "f/README.md": "text",
            "lib/__init__.py": "",
            "lib/used.py": "x = 1\n",
            "lib/unused.py": "",
        },
    )
    assert names(tmp_path) == ["handler.py", "lib/__init__.py", "lib/used.py"]


@pytest.mark.parametrize(
    "statement",
    [
        "import lib.deep.leaf",
        "from lib.deep import leaf",
        "from lib.deep.leaf import x",
        "def f():\n    from lib.deep import leaf",
        "import importlib\nimportlib.import_module('lib.deep.leaf')",
        "from lib import relative",
        "from lib import deep_relative",
    ],
)
def test_every_form_of_import_is_followed(tmp_path: Path, statement: str) -> None:
    """Plain, from, lazy, dynamic with a literal, and relative imports reach the module."""
    tree(
        tmp_path,
        {
            "f/handler.py": statement + "\n",
            "lib/__init__.py": "",
            "lib/relative.py": "from .deep import leaf\n",
            "lib/deep_relative.py": "from .deep.inner import x\n",
            "lib/deep/__init__.py": "",
            "lib/deep/inner.py": "from ..deep.leaf import x\n",
            "lib/deep/leaf.py": "x = 1\n",
        },
    )
    assert "lib/deep/leaf.py" in names(tmp_path)


def test_type_checking_imports_do_not_count(tmp_path: Path) -> None:
    """What stands under TYPE_CHECKING is never run, so it is neither looked for nor packed."""
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent\n"
    tree(tmp_path, {"f/handler.py": text})
    assert names(tmp_path) == ["handler.py"]


def test_an_import_that_may_fail_is_packed_where_it_is_there(tmp_path: Path) -> None:
    """An import guarded by `except ImportError` is optional, its fallback is not."""
    text = "try:\n    import absent\n    import fast\nexcept ImportError:\n    import slow\n"
    tree(tmp_path, {"f/handler.py": text, "fast.py": "", "slow.py": ""})
    assert names(tmp_path) == ["fast.py", "handler.py", "slow.py"]


def test_a_namespace_package_needs_no_file_of_its_own(tmp_path: Path) -> None:
    """A directory without __init__.py is walked through."""
    tree(tmp_path, {"f/handler.py": "import space.leaf\n", "space/leaf.py": ""})
    assert names(tmp_path) == ["handler.py", "space/leaf.py"]


def test_a_missing_module_names_file_and_line(tmp_path: Path) -> None:
    """The error points at the import statement, also in a module reached on the way."""
    tree(tmp_path, {"f/handler.py": "import lib\n", "lib.py": "\n\ndef f():\n    import absent\n"})
    with pytest.raises(ConfigurationError, match=r"lib\.py:4: the module 'absent'"):
        names(tmp_path)


def test_a_missing_handler_is_named(tmp_path: Path) -> None:
    """A function's directory without handler.py is a configuration error."""
    (tmp_path / "f").mkdir()
    with pytest.raises(ConfigurationError, match=r"handler\.py"):
        names(tmp_path)


def test_a_compiled_extension_is_refused(tmp_path: Path) -> None:
    """A module that exists for one platform only can't go into a Lambda of another one."""
    tree(tmp_path, {"f/handler.py": "import fast\n", "fast.cpython-311-x86_64-linux-gnu.so": ""})
    with pytest.raises(ConfigurationError, match="compiled extension"):
        names(tmp_path)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    """Neither the place nor the time of the files changes the zip."""
    files = {"f/handler.py": "import lib\n", "lib.py": ""}
    one, two = tree(tmp_path / "one", files), tree(tmp_path / "elsewhere" / "two", files)
    (two / "lib.py").touch(0o600)
    first = package.build(one / "f", [one], one / "f.zip")
    second = package.build(two / "f", [two], two / "f.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
