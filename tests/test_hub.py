"""A hub that cannot be reached is noticed at once, and what was downloaded before still opens."""

import os
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import close_session
from transformers import CLIPModel

from end_to_end.conftest import fail_here
from hbi import hub
from hbi.encoders.opening import read_towers
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError
from hbi.encoders.tokenizer import read_tokenizer, train_tokenizer
from hbi.errors import HBIError
from hbi.experiments.network import build_model, start_tokenizer
from hbi.experiments.reading import read_recipe
from hbi.hub import HubError, is_only_here
from hbi.matching import SourceError, load
from small_networks import small_config, small_matcher

NAME = "some/clip"
HBI = Path(sys.executable).with_name("hbi")


@pytest.fixture
def silent():
    """The address of a server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refusing():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def answering():
    """A server that has nothing: its address, what it was asked, and the status that it answers with."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(status[0])
            self.end_headers()

        do_GET = do_HEAD  # noqa: N815 - a name of the library

        def log_message(self, *arguments):
            pass

    asked, status = [], [404]
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked, status
        server.shutdown()


@pytest.fixture
def online(monkeypatch, tmp_path):
    """Lets this process ask the hub at some address, as if it had never asked before; its cache is empty."""

    def at(endpoint: str) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(hub, "_last", None)

    yield at
    close_session()


@pytest.fixture
def impatient(monkeypatch):
    """A silent hub is given up sooner than people have it: how long a command takes is measured below."""
    monkeypatch.setattr(hub, "PATIENCE_SECONDS", 0.3)


@pytest.fixture
def downloaded(tmp_path):
    """Puts a small CLIP with its tokenizer where a download would have put them."""
    folder = tmp_path / "cache" / "models--some--clip"
    snapshot = folder / "snapshots" / ("0" * 40)
    tokenizer = train_tokenizer(["a red circle slides left"])
    special_tokens = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    clip = CLIPModel(small_config(special_tokens=special_tokens, vocab_size=len(tokenizer)).encoder_config)
    clip.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    return clip, tokenizer


def ways_to_ask():
    recipe = read_recipe("shape-stories", [f"model.clip={NAME}", "data.image_size=16"])
    return {
        "clip": lambda: read_towers(NAME),
        "tokenizer": lambda: read_tokenizer(NAME),
        "recipe's tokenizer": lambda: start_tokenizer(recipe, None),
        "recipe's network": lambda: build_model(recipe, None),
    }


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("way", ways_to_ask())
@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_whoever_asks_is_told_soon_and_in_one_line(way, kind, online, request):
    endpoint = request.getfixturevalue(kind)
    online(endpoint)
    begun = time.monotonic()
    with pytest.raises(
        HBIError, match=f"{NAME}: there is no such folder or file.*{endpoint} cannot be reached"
    ) as caught:
        ways_to_ask()[way]()
    assert time.monotonic() - begun < 5
    assert "\n" not in str(caught.value)
    begun = time.monotonic()
    with pytest.raises(HubError):  # the second question of a command waits for nothing
        is_only_here(NAME)
    assert time.monotonic() - begun < 0.5


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_what_was_downloaded_opens_without_the_hub(kind, online, downloaded, request):
    clip, tokenizer = downloaded
    online(request.getfixturevalue(kind))
    begun = time.monotonic()
    opened = read_towers(NAME)
    assert all(torch.equal(opened.state_dict()[name], tensor) for name, tensor in clip.state_dict().items())
    assert read_tokenizer(NAME).get_vocab() == tokenizer.get_vocab()
    assert time.monotonic() - begun < 5


def test_what_was_downloaded_opens_where_the_hub_must_not_be_asked(online, downloaded, answering, monkeypatch):
    endpoint, asked, _ = answering
    online(endpoint)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert len(read_tokenizer(NAME)) == len(downloaded[1])
    assert read_towers(NAME).config.projection_dim == 16
    with pytest.raises(HubError, match=r"some/other: .* \(HF_HUB_OFFLINE is set\)"):
        is_only_here("some/other")
    assert asked == []


def test_a_hub_that_answers_is_asked_once_and_then_for_the_files(online, answering):
    endpoint, asked, _ = answering
    online(endpoint)
    assert not is_only_here(NAME)
    assert not is_only_here("some/other")
    assert asked == ["/"]
    with pytest.raises(CheckpointError, match="no such folder or file, nor a hub name"):
        read_towers(NAME)
    assert any(NAME in path for path in asked)


def test_a_hub_that_is_down_counts_as_unreachable(online, answering):
    endpoint, _, status = answering
    status[0] = 503
    online(endpoint)
    with pytest.raises(HubError, match="it answers 503"):
        is_only_here(NAME)


def test_a_folder_asks_nobody_and_a_wrong_path_is_no_hub_name(online, answering, tmp_path):
    endpoint, asked, _ = answering
    online(endpoint)
    assert is_only_here(tmp_path)
    for name in ("runs/mine/absent", "a name", "[/b]"):
        with pytest.raises(HubError, match="nor is it a hub name"):
            is_only_here(name)
    for name in (str(tmp_path / "absent"), "./absent", "~/absent"):
        with pytest.raises(HubError, match="there is no folder or file"):
            is_only_here(name)
    assert asked == []


def test_a_tokenizer_without_words_is_none(tmp_path):
    train_tokenizer(["a red circle"]).save_pretrained(tmp_path)
    assert len(read_tokenizer(tmp_path)) == len(read_tokenizer(tmp_path)) > 2
    with pytest.raises(ModelError, match="is a file, which brings no tokenizer"):
        read_tokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").unlink()
    for read in (read_tokenizer, lambda folder: read_tokenizer(folder)):
        with pytest.raises(ModelError, match=r"holds no tokenizer \(its vocabulary is missing"):
            read(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_a_command_ends_within_five_seconds(kind, tmp_path, request):
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment |= {"HF_HOME": str(tmp_path), "HF_ENDPOINT": request.getfixturevalue(kind)}
    command = [HBI, "evaluate", f"clip:{NAME}", "--data", "data"]
    for _ in range(2):  # a machine may be busy with other tests: the better of two counts
        begun = time.monotonic()
        result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60)
        seconds = time.monotonic() - begun
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"hbi: {NAME}: there is no such folder or file")
        if seconds < 5:
            return
    pytest.fail(f"{seconds:.1f} s")


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", f"clip:{NAME}", "--data", "data"),
        ("train", "msrvtt", "--set", f"model.clip={NAME}"),
        ("cache-features", "msrvtt", "--out", "kept", "--set", f"model.clip={NAME}"),
        ("convert", "best.pth", "--to", "out", "--tokenizer", NAME),
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_asks_a_hub_that_is_down_once(arguments, online, answering, tmp_path, monkeypatch):
    """So each of them waits for a silent one no longer than the command above."""
    endpoint, asked, status = answering
    status[0] = 503
    online(endpoint)
    monkeypatch.chdir(tmp_path)
    assert fail_here(*arguments).startswith(f"hbi: {NAME}: there is no such folder or file")
    assert asked == ["/"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_models_that_were_downloaded_are_loaded_by_their_name(kind, online, downloaded, request, tmp_path):
    """A CLIP, and a model of ours in a folder as a download leaves it."""
    folder = tmp_path / "cache" / "models--some--matcher"
    ours = small_matcher(["a red circle slides left"])
    ours.save_pretrained(folder / "snapshots" / ("0" * 40))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    online(request.getfixturevalue(kind))
    begun = time.monotonic()
    clip, again = load(NAME, device="cpu"), load("some/matcher", device="cpu")
    assert (clip.kind, clip.name, clip.origin["encoder"]) == ("global", NAME, NAME)
    assert (again.name, again.model.state_dict().keys()) == ("some/matcher", ours.model.state_dict().keys())
    assert time.monotonic() - begun < 8
    with pytest.raises(SourceError, match="some/other: there is no such folder or file, it was not downloaded before"):
        load("some/other")
