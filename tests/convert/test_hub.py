"""Names on the hub: the network is asked only when there is no such directory."""

import sys
import types

import convert_directories as checkpoints
import pytest

from keras_bert_layers import convert


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for huggingface_hub that records what it is asked for."""
    module = types.ModuleType("huggingface_hub")
    module.asked = []
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return module


def test_a_name_is_fetched_from_the_hub(hub, tmp_path):
    def snapshot_download(name, allow_patterns):
        hub.asked.append((name, allow_patterns))
        return str(checkpoints.huggingface(tmp_path / "fetched"))

    hub.snapshot_download = snapshot_download
    assert convert.from_pretrained("org/name").task == "pretraining"
    name, patterns = hub.asked[0]
    assert name == "org/name"
    assert not any("bin" in pattern for pattern in patterns)


def test_a_directory_that_is_there_never_touches_the_network(hub, tmp_path, monkeypatch):
    checkpoints.huggingface(tmp_path / "org" / "name")
    monkeypatch.chdir(tmp_path)
    assert convert.from_pretrained("org/name").task == "pretraining"
    assert not hub.asked


def test_a_failure_of_the_hub_says_what_to_do(hub):
    def snapshot_download(name, allow_patterns):
        raise OSError("no network")

    hub.snapshot_download = snapshot_download
    with pytest.raises(ValueError, match=r"'org/name' here, and fetching it .* failed: no network.*give its path"):
        convert.from_pretrained("org/name")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"keras_bert_layers\[convert\]"):
        convert.from_pretrained("org/name")


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "nowhere", "a/b/c"])
def test_a_path_that_is_not_there_is_no_name(path, hub):
    with pytest.raises(ValueError, match="There is no directory"):
        convert.from_pretrained(path)
    assert not hub.asked
