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


def test_digest_equals_the_code_sha256_of_lambda(tmp_path: Path) -> None:
    tree(tmp_path, {"f/handler.py": "import json\n"})
    built = package.build(tmp_path / "f", [], tmp_path / "f.zip")
    digest = hashlib.sha256(built.path.read_bytes()).digest()
    assert built.code_sha256 == base64.b64encode(digest).decode()
    assert built.sha256 == digest.hex()
    assert built.key.code_sha256 == built.code_sha256
    assert parse(str(built.key)) == built.key
    assert built.size == built.path.stat().st_size
    assert built.name == "f"


def test_content_does_not_depend_on_the_compressor(
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
def test_key_that_no_deploy_made_has_no_digests(key: str) -> None:
    assert parse(key) is None


def test_package_contains_only_imported_modules(tmp_path: Path) -> None:
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


def test_type_checking_imports_are_left_out(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent\n"
    tree(tmp_path, {"f/handler.py": text})
    assert names(tmp_path) == ["handler.py"]


def test_optional_import_is_packed_if_the_module_exists(tmp_path: Path) -> None:
    """An import is optional in a `try` with `except ImportError`; its fallback is not."""
    text = "try:\n    import absent\n    import fast\nexcept ImportError:\n    import slow\n"
    tree(tmp_path, {"f/handler.py": text, "fast.py": "", "slow.py": ""})
    assert names(tmp_path) == ["fast.py", "handler.py", "slow.py"]


def test_modules_of_a_namespace_package_are_packed(tmp_path: Path) -> None:
    """Such a package has no __init__.py."""
    tree(tmp_path, {"f/handler.py": "import space.leaf\n", "space/leaf.py": ""})
    assert names(tmp_path) == ["handler.py", "space/leaf.py"]


def test_missing_module_is_reported_with_file_and_line(tmp_path: Path) -> None:
    tree(tmp_path, {"f/handler.py": "import lib\n", "lib.py": "\n\ndef f():\n    import absent\n"})
    with pytest.raises(ConfigurationError, match=r"lib\.py:4: the module 'absent'"):
        names(tmp_path)


def test_missing_handler_is_reported(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(ConfigurationError, match=r"handler\.py"):
        names(tmp_path)


def test_compiled_extension_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, {"f/handler.py": "import fast\n", "fast.cpython-311-x86_64-linux-gnu.so": ""})
    with pytest.raises(ConfigurationError, match="compiled extension"):
        names(tmp_path)


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    """Neither the path nor the time of the files changes the zip."""
    files = {"f/handler.py": "import lib\n", "lib.py": ""}
    one, two = tree(tmp_path / "one", files), tree(tmp_path / "elsewhere" / "two", files)
    (two / "lib.py").touch(0o600)
    first = package.build(one / "f", [one], one / "f.zip")
    second = package.build(two / "f", [two], two / "f.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
