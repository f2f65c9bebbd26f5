"""A directory is the old one or the new one, whatever happens while it is written."""

import signal
import subprocess
import sys
import time

import pytest

from keras_bert_layers.convert.atomic_directory import atomic_directory

# Replaces a directory over and over; both files of one version say the same.
WRITER = """
import importlib.util, itertools, sys
spec = importlib.util.spec_from_file_location("atomic_directory", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for version in itertools.count():
    with module.atomic_directory(sys.argv[2], overwrite=True) as directory:
        (directory / "first").write_text(str(version) * 1000)
        (directory / "second").write_text(str(version) * 1000)
    print(version, flush=True)
"""


def test_the_directory_appears_when_it_is_complete(tmp_path):
    with atomic_directory(tmp_path / "model") as directory:
        (directory / "file").write_text("all")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model" / "file").read_text() == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_error_leaves_what_was_there(tmp_path):
    with atomic_directory(tmp_path / "model") as directory:
        (directory / "file").write_text("old")

    def write_half():
        with atomic_directory(tmp_path / "model", overwrite=True) as directory:
            (directory / "file").write_text("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert (tmp_path / "model" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_directory_that_holds_something_is_not_replaced_unasked(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").write_text("precious")
    with (
        pytest.raises(ValueError, match=r"is a directory that is not empty.*overwrite=True"),
        atomic_directory(tmp_path / "model"),
    ):
        pass
    assert (tmp_path / "model" / "mine").read_text() == "precious"


def test_overwriting_leaves_no_file_of_the_old_directory(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    with atomic_directory(tmp_path / "model", overwrite=True) as directory:
        (directory / "new").write_text("new")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "model").write_text("a file")
    with (
        pytest.raises(ValueError, match=r"model is a file\. Choose a new directory\."),
        atomic_directory(tmp_path / "model", overwrite=True),
    ):
        pass


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.02, 0.05])
def test_a_killed_process_leaves_one_whole_version(tmp_path, delay):
    import keras_bert_layers

    module = f"{keras_bert_layers.__path__[0]}/convert/atomic_directory.py"
    process = subprocess.Popen([sys.executable, "-c", WRITER, module, str(tmp_path / "model")], stdout=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    first, second = ((tmp_path / "model" / name).read_text() for name in ("first", "second"))
    assert first == second
    assert len(first) >= 1000
