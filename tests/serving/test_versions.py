"""A version appears whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from keras_bert_layers.serving import versions


def write_file(directory):
    (directory / "saved_model.pb").write_text("graph")


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_folder_gets_the_number_above_its_highest_version(tmp_path):
    for name in ("3", "10", ".11-left", "notes", "draft-99"):
        (tmp_path / "model" / name).mkdir(parents=True)
    path = versions.write_version(tmp_path / "model", write_file)
    assert path == tmp_path / "model" / "11"
    assert names(path) == ["saved_model.pb"]


def test_the_first_version_is_1_and_readable_by_everybody(tmp_path):
    path = versions.write_version(tmp_path / "a" / "model", write_file)
    assert path == tmp_path / "a" / "model" / "1"
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_path_that_ends_in_a_number_is_the_version(tmp_path):
    assert versions.write_version(tmp_path / "model" / "20240501", write_file) == tmp_path / "model" / "20240501"


def test_a_version_that_is_there_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(ValueError, match=r"does not exist yet.*for the next free number"):
        versions.write_version(tmp_path / "1", lambda directory: pytest.fail("it wrote"))


def test_a_file_is_no_folder_of_versions(tmp_path):
    (tmp_path / "model").touch()
    with pytest.raises(ValueError, match=r"needs a folder.*a file"):
        versions.write_version(tmp_path / "model", write_file)


def test_of_two_exports_at_once_the_later_one_takes_the_next_number(tmp_path):
    def write_while_another_one_ends(directory):
        write_file(directory)
        assert versions.write_version(tmp_path / "model", write_file).name == "1"

    assert versions.write_version(tmp_path / "model", write_while_another_one_ends).name == "2"
    assert names(tmp_path / "model") == ["1", "2"]


def test_a_number_that_another_export_took_meanwhile_is_not_overwritten(tmp_path):
    def write_while_another_one_ends(directory):
        write_file(directory)
        versions.write_version(tmp_path / "7", lambda other: (other / "theirs").touch())

    with pytest.raises(ValueError, match="does not exist yet"):
        versions.write_version(tmp_path / "7", write_while_another_one_ends)
    assert names(tmp_path) == ["7"]
    assert names(tmp_path / "7") == ["theirs"]


def test_an_error_leaves_nothing_behind(tmp_path):
    def fail(directory):
        write_file(directory)
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        versions.write_version(tmp_path / "model", fail)
    assert names(tmp_path) == []


def test_a_killed_process_leaves_nothing_that_a_server_loads(tmp_path):
    # The file alone: the whole package would take the seconds that TensorFlow takes to start.
    script = (
        "import importlib.util, os, pathlib, signal, sys\n"
        f"spec = importlib.util.spec_from_file_location('versions', {str(Path(versions.__file__))!r})\n"
        "versions = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(versions)\n"
        "def write(directory):\n"
        "    (directory / 'saved_model.pb').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "versions.write_version(sys.argv[1], write)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path / "model")], capture_output=True)
    assert result.returncode == -9
    (left,) = names(tmp_path / "model")
    assert left.startswith(".")
    assert versions.write_version(tmp_path / "model", write_file).name == "1"
