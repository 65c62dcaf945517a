"""Every verb takes every source of a model: it gives a result, or says in one line what to give instead."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from earlier_folders import give_earlier_form_of_index_model, give_earlier_form_of_run
from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching import Matcher
from hbi.models import GlobalContrastModel, HBIModel, HBIProcessor, convert
from hbi.shape_stories import generate_shape_stories, load_stories
from released_weights import released_answering_state, released_state
from small_clips import write_clip
from small_networks import global_config, small_config, small_matcher
from training.tiny import run_folder

pytest.importorskip("lancedb", reason="an index is made with the extra `search`")
from hbi.search import VideoIndex

pytestmark = pytest.mark.slow

TABLE = """
source                       explain  worst  evaluate  choices  answer  index  search
run                          yes      yes    yes       yes      -       yes    -
global run                   yes      yes    yes       yes      -       yes    -
answering run                -        -      yes       -        yes     -      -
converted                    yes      yes    yes       yes      -       yes    -
converted that answers       -        -      yes       -        yes     -      -
clip                         yes      yes    yes       yes      -       yes    -
index                        yes      yes    yes       yes      -       yes    yes
run of before                yes      yes    yes       yes      -       yes    -
global run of before         yes      yes    yes       yes      -       yes    -
answering run of before      -        -      yes       -        yes     -      -
index of before              yes      yes    yes       yes      -       yes    yes
global index of before       yes      yes    yes       yes      -       yes    yes
"""
"""yes: a result and exit code 0. -: one line of advice and exit code 2."""

HEADER, *ROWS = [[cell.strip() for cell in line.split("  ") if cell] for line in TABLE.strip().splitlines()]
ADVICE = (
    "answers questions and ranks nothing",
    "matches videos with texts and answers no questions",
    "is no index",
)
TEXT, ANSWERS = "a red circle slides left", ("red", "circle", "two")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A ShapeStories, and beside it a multiple choice about a clip."""
    folder = tmp_path_factory.mktemp("data")
    generate_shape_stories(folder / "stories", num_train=2, num_val=1, num_test=4)
    write_clip(folder / "choices" / "videos" / "clip.mp4", seconds=2)
    (folder / "choices" / "annotations").mkdir()
    question = {"clip_name": "clip", "options": [TEXT, "a blue ring"], "answer": 0}
    (folder / "choices" / "annotations" / "msrvtt_mc_test.jsonl").write_text(json.dumps(question) + "\n")
    return folder


@pytest.fixture(scope="module")
def sources(data, tmp_path_factory) -> dict[str, Path]:
    """Every kind of folder that a model is opened from."""
    place = tmp_path_factory.mktemp("sources")
    tokenizer = train_tokenizer(
        text.text for story in load_stories(data / "stories", "test") for text in story.captions
    )
    save_converted(place / "converted", released_state(vocab=len(tokenizer)), tokenizer)
    answering = released_answering_state(num_answers=len(ANSWERS), vocab=len(tokenizer))
    save_converted(place / "converted that answers", answering, tokenizer, answers=ANSWERS)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = small_config(special_tokens=ids, vocab_size=len(tokenizer))
    torch.manual_seed(0)
    for part in (CLIPModel(config.encoder_config), tokenizer):
        part.save_pretrained(place / "clip")
    for name, network in {
        "index": HBIModel(config),
        "global index": GlobalContrastModel(global_config(config)),
    }.items():
        matcher = Matcher(network.eval(), HBIProcessor.for_model(config, tokenizer), "a network")
        VideoIndex.create(place / name, matcher, window_seconds=None).add([data / "choices" / "videos"])
        shutil.copytree(place / name, place / f"{name} of before")
        give_earlier_form_of_index_model(place / f"{name} of before" / "model")
    for name, kind in {"run": "hbi", "global run": "global", "answering run": "answering"}.items():
        shutil.copytree(run_folder(place / name, kind), place / f"{name} of before")
        give_earlier_form_of_run(place / f"{name} of before")
    return {path.name: path for path in place.iterdir()}


def save_converted(folder: Path, state: dict[str, torch.Tensor], tokenizer, **settings) -> None:
    """A folder of `hbi convert`."""
    file = folder.with_suffix(".safetensors")
    save_file(state, file)
    convert(file, **settings).save(folder, tokenizer)
    file.unlink()


def commands(source: Path, data: Path, out: Path) -> dict[str, tuple[object, ...]]:
    """Every verb that is given a model, by its column in the table."""
    video, stories = data / "choices" / "videos" / "clip.mp4", ("--data", data / "stories")
    return {
        "explain": ("explain", source, video, TEXT, "--out", out / "why.json"),
        "worst": ("explain", source, "--worst", 1, *stories, "--out", out / "worst.html"),
        "evaluate": ("evaluate", source, *stories, "--out", out / "measured"),
        "choices": ("evaluate-choices", source, data / "choices", "--out", out / "chosen"),
        "answer": ("answer", source, video, "what color is the circle?"),
        "index": ("index", video, "--index", out / "index", "--model", source),
        "search": ("search", source, TEXT),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace(" ", "-"))
def test_a_verb_gives_a_result_or_advice(hbi, row, sources, data, tmp_path):
    name, *expected = row
    found, said = [], {}
    for verb, command in commands(sources[name], data, tmp_path).items():
        code, printed, error = hbi(*command)
        found.append({0: "yes", 2: "-"}[code])
        said[verb] = error
        if code == 0:
            assert printed.strip(), verb
        else:
            assert len(error.strip().splitlines()) == 1, error
            assert any(advice in error for advice in ADVICE), error
    assert found == expected, said


def test_the_table_names_every_source_and_verb(sources, data, tmp_path):
    assert {name for name, *_ in ROWS} == sources.keys() - {"global index"}
    assert HEADER[1:] == list(commands(tmp_path, data, tmp_path))


def test_pages_name_words_that_the_model_has_never_seen(hbi, tmp_path):
    """Without an index too: it was trained on these words only."""
    model, index, text = tmp_path / "model", tmp_path / "index", "a red pancake"
    small_matcher([TEXT]).save_pretrained(model)
    videos = [write_clip(tmp_path / "videos" / f"{seed}.mp4", seconds=2, seed=seed) for seed in (1, 2)]
    pages = [tmp_path / f"{name}.html" for name in ("one", "two", "found")]
    for command in (
        ("explain", model, videos[0], text, "--out", pages[0]),
        ("explain", model, *videos, text, "--out", pages[1]),
        ("index", *videos, "--index", index, "--model", model),
        ("search", index, text, "--explain", pages[2]),
    ):
        code, _, error = hbi(*command)
        assert code == 0, error
    said = [
        re.findall(r"<bdi>(\w+)</bdi></button> <span class=\"hbi-verdict\">.*?</i>([^<]*)<", page.read_text())
        for page in pages
    ]
    assert said[0] == [("pancake", "unknown to the model")]
    assert said[1] == said[0] * 2
    assert set(said[0]) <= set(said[2])
    assert {"red", "a"} <= {word for word, _ in said[2]}, "a search says something of every word"
