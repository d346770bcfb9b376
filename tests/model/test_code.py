"""The user's own code travels as text: what it imports comes along, and nothing else is meant by its names."""

import pickle
import shutil
import sys
from pathlib import Path

import pytest

from pipelines.errors import ConfigError
from pipelines.model.code import Code, collect, load_object, send


def write(folder: Path, **files: str) -> Path:
    """Write modules; `a__b` is b.py in the folder a, `package` an empty __init__.py in `mine`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.py" if name != "package" else folder / "mine" / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_a_file_comes_with_the_modules_beside_it_that_it_imports(tmp_path: Path) -> None:
    write(tmp_path, net="import json\nfrom parts.blocks import SIZE\nvalue = SIZE + 1", other="1")
    write(tmp_path, parts__blocks="from .sizes import SIZE", parts__sizes="SIZE = 4")
    code = collect("model", f"{tmp_path}/net.py:value")
    assert [path for path, _ in code.sources] == ["net.py", "parts/blocks.py", "parts/sizes.py"]
    assert code.entry == "net.py:value"
    assert load_object("model", code) == 5


def test_the_text_is_all_that_is_needed_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, net="from helper import value", helper="value = 7")
    code = collect("model", f"{tmp_path}/net.py:value")
    (tmp_path / "net.py").unlink(), (tmp_path / "helper.py").unlink()
    assert load_object("model", pickle.loads(pickle.dumps(code))) == 7


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, net=f"value = {name!r}") for name in ("one", "two"))
    codes = [collect("model", f"{folder}/net.py:value") for folder in (one, two, one)]
    assert [load_object("model", code) for code in codes] == ["one", "two", "one"]
    assert "net" not in sys.modules


def test_the_hash_is_that_of_the_text_and_not_of_the_place(tmp_path: Path) -> None:
    one, two = (collect("model", f"{write(tmp_path / name, net='value = 1')}/net.py:value") for name in "ab")
    assert one.sha256 == two.sha256
    assert collect("model", f"{write(tmp_path / 'a', net='value = 2')}/net.py:value").sha256 != one.sha256


def test_a_module_by_import_path_brings_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, package="", mine__net="from . import sizes\nvalue = sizes.SIZE", mine__sizes="SIZE = 3")
    monkeypatch.chdir(tmp_path)
    code = collect("model", "mine.net:value")
    assert [path for path, _ in code.sources] == ["mine/__init__.py", "mine/net.py", "mine/sizes.py"]
    assert load_object("model", code) == 3


def test_an_installed_package_stays_where_it_is() -> None:
    assert collect("loss", "torch.nn:CrossEntropyLoss") == Code("torch.nn:CrossEntropyLoss")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.py:Net", r"model=gone.py:Net: there is no file gone.py"),
        ("gone:Net", r"no module 'gone'; for a file write gone.py:Net"),
        ("wrong.py:Net", r"is no Python: .*line 1"),
        ("two.dots.py:Net", r"rename two.dots.py"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    write(tmp_path, wrong="def")
    (tmp_path / "two.dots.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        collect("model", name)


def test_a_missing_name_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, net="import json\nclass Net: pass")
    with pytest.raises(ConfigError, match="no 'Nte'; it has Net"):
        load_object("model", collect("model", f"{tmp_path}/net.py:Nte"))


def test_a_module_that_fails_is_told_with_its_error(tmp_path: Path) -> None:
    write(tmp_path, net="import no_such_package")
    with pytest.raises(ConfigError, match="cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"):
        load_object("model", collect("model", f"{tmp_path}/net.py:Net"))


def test_code_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.model.code.MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="more than 10 bytes of code"):
        collect("model", f"{write(tmp_path, net='value = 1234567')}/net.py:value")


def test_code_is_sent_to_where_a_driver_on_the_cluster_finds_it(tmp_path: Path) -> None:
    write(tmp_path / "here", net="from helper import value", helper="value = 7")
    words = send(["conf.yaml", "epochs=3", f"model={tmp_path}/here/net.py:value"], f"file://{tmp_path}/there")
    shutil.rmtree(tmp_path / "here")
    assert words[:2] == ["conf.yaml", "epochs=3"]
    assert load_object("model", collect("model", words[2].removeprefix("model="))) == 7
