"""Recorded games are those that the model plays; what has none is refused in one line."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import hbi
from hbi.experiments.packing import pack_frames
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.experiments.recording import record_games
from hbi.experiments.splits import decode_split
from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.shape_stories import generate_shape_stories
from hbi.shapes import LEVELS
from hbi.training.game_source import RandomGames, padded_together, read_games
from training.tiny import recipe_of, run_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stories")
    generate_shape_stories(folder, num_train=7, num_val=2, num_test=3, seed=3, num_workers=1)
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    return run_folder(tmp_path_factory.mktemp("run") / "hbi", "hbi", f"data.root={data}", "data.frames_per_position=2")


def own_games(run: Path, data: Path, split: str, level: str) -> list[LateInteractionGame]:
    """The game of each text of a split with its video at a level, each encoded alone."""
    matcher, recipe = hbi.load(run, device="cpu"), recipe_of("hbi", f"data.root={data}", "data.frames_per_position=1")
    decoded, games = decode_split(recipe, split, picture=matcher.picture), []
    for text in decoded.split.texts:
        encoded, row = matcher.encode_texts([text.text]), torch.tensor([text.video])
        videos = matcher.encode_frames(decoded.frames.content[row], decoded.frames.mask[row])
        games.append(matcher.games(encoded, videos)[level])
    return games


def assert_same_games(found: LateInteractionGame, expected: list[LateInteractionGame]) -> None:
    """Compare what can be seen of games: players, similarities, interactions; padding plays no part."""
    assert len(found.similarity) == len(expected)
    interactions = banzhaf_interactions(found)
    for row, game in enumerate(expected):
        size = game.num_words, game.num_frames
        assert found.word_mask[row].sum() == game.word_mask.sum()
        assert found.frame_mask[row].sum() == game.frame_mask.sum()
        kept = [each[row][: size[0], : size[1]] for each in (found.playing_similarity(), interactions)]
        alone = game.playing_similarity()[0], banzhaf_interactions(game)[0]
        for ours, theirs in zip(kept, alone, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_the_games_are_those_of_the_model(run, data, tmp_path):
    """Of every text with its own video, those of a pair together, whatever they were encoded with."""
    recorded = record_games(run, tmp_path / "games.safetensors", split="test", device="cpu")
    of_levels = zip(*(own_games(run, data, "test", level) for level in LEVELS), strict=True)
    expected = [game for of_pair in of_levels for game in of_pair]
    assert (3 * recorded.num_pairs, recorded.num_unreadable) == (len(expected), 0)
    assert_same_games(read_games(tmp_path / "games.safetensors"), expected)
    with safe_open(tmp_path / "games.safetensors", "pt") as file:
        assert file.metadata() == {"model": run.name, "split": "test", "levels": "entity action event"}


def test_some_pairs_are_spread_over_the_split(run, data, tmp_path):
    expected = own_games(run, data, "train", "action")
    out, last = tmp_path / "games.safetensors", len(expected) - 1
    recorded = record_games(run, out, levels=("action",), num_pairs=3, device="cpu")
    middle = min((abs(row - last / 2), row % 2, row) for row in range(last))[2]  # of two as near, the even one
    assert_same_games(recorded.games, [expected[row] for row in (0, middle, last)])


def test_packed_frames_are_read_and_one_of_each_position(run, data, tmp_path):
    """As good as lossless; the recipe keeps two frames for each of which a step draws one."""
    packed = shutil.copytree(run, tmp_path / "run")
    recipe = recipe_of("hbi", f"data.root={data}", "data.frames_per_position=2")
    for _ in pack_frames(recipe, tmp_path / "packed", splits=["train"], num_workers=1):
        pass
    kept = recipe.data.model_copy(update={"frames": str(tmp_path / "packed")})
    (packed / "recipe.yaml").write_text(recipe_yaml(recipe.model_copy(update={"data": kept})))
    found = record_games(packed, tmp_path / "games.safetensors", num_pairs=4, device="cpu").games
    plain = record_games(run, tmp_path / "plain.safetensors", num_pairs=4, device="cpu").games
    assert found.similarity.shape == plain.similarity.shape
    assert torch.equal(found.word_mask, plain.word_mask)
    assert (found.similarity - plain.similarity).abs().max() < 0.3, "other frames of the same videos"


def test_a_video_that_cannot_be_decoded_is_counted(run, data, tmp_path):
    broken = shutil.copytree(data, tmp_path / "data")
    (broken / "videos" / "test" / "00001.mp4").write_bytes(b"no video")
    texts = len(own_games(run, data, "test", "entity"))
    recorded = record_games(run, tmp_path / "games.safetensors", split="test", data=broken, device="cpu")
    assert recorded.num_unreadable > 0
    assert recorded.num_pairs + recorded.num_unreadable == texts
    for file in (broken / "videos" / "test").iterdir():
        file.write_bytes(b"no video")
    with pytest.raises(hbi.HBIError, match="no video of the split test could be decoded"):
        record_games(run, tmp_path / "none.safetensors", split="test", data=broken, device="cpu")


def test_a_network_that_answers_plays_with_its_questions(data, tmp_path):
    run = run_folder(tmp_path / "asked", "answering", f"data.root={data}")
    recorded = record_games(run, tmp_path / "games.safetensors", split="test", num_pairs=5, device="cpu")
    assert recorded.games.similarity.shape[0] == 15
    answerer = hbi.load(run, device="cpu")
    question = decode_split(read_recipe(str(run / "recipe.yaml")), "test", picture=answerer.picture).split.texts[0]
    assert recorded.games.word_mask[0].sum() == answerer.tokenize([question.text]).attention_mask.sum() - 2, "no marks"


def test_what_has_no_games_is_one_line(data, tmp_path):
    baseline = run_folder(tmp_path / "baseline", "global", f"data.root={data}")
    with pytest.raises(hbi.HBIError, match="compares whole texts and videos and plays no game") as raised:
        record_games(baseline, tmp_path / "games.safetensors", device="cpu")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "games.safetensors").exists()


def test_games_of_many_sizes_are_one_batch():
    random = torch.Generator().manual_seed(0)
    parts = [RandomGames(words, frames).draw(2, random) for words, frames in ((5, 2), (3, 6), (4, 4))]
    joined = padded_together(parts)
    assert joined.similarity.shape == (6, 5, 6)
    found = banzhaf_interactions(joined)
    for number, part in enumerate(parts):
        rows = found[2 * number : 2 * number + 2]
        expected = banzhaf_interactions(part)
        torch.testing.assert_close(rows[:, : part.num_words, : part.num_frames], expected, atol=1e-5, rtol=0)
        rows = rows.clone()
        rows[:, : part.num_words, : part.num_frames] = 0
        assert not rows.any()
