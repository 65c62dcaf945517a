"""A training that goes on from a model takes all of it, says so, and is refused where the recipe says otherwise."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import hbi
from hbi.encoders.tokenizer import train_tokenizer
from hbi.errors import HBIError, Note
from hbi.experiments.content import RecipeError
from hbi.experiments.frame_features import cache_features
from hbi.experiments.model_card import write_model_card
from hbi.experiments.network import build_and_tell, start_picture, start_processor, start_tokenizer
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split
from hbi.experiments.start import with_start
from hbi.experiments.taken_weights import TakenWeights
from hbi.experiments.training import start_training, train
from hbi.matching import Matcher
from hbi.models import convert
from hbi.shape_stories import generate_shape_stories
from released_weights import released_answering_state, released_state
from training.tiny import CPU, SIZES

TEXTS = ["a red circle slides left and then a blue square spins", "a square"]
MAX_WORDS, SIDE = 20, 64
SHORT = ("training.num_steps=3", "training.batch_size=4", "training.log_every=1", "training.checkpoint_every=1")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stories")
    generate_shape_stories(folder, num_train=6, num_val=3, num_test=2, seed=3, num_workers=1)
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    """A run folder of three steps, with choices that are nobody's default."""
    folder = tmp_path_factory.mktemp("trained") / "old"
    choices = ("model.num_neighbors=2", "model.frame_merge_ratio=[0.6, 0.6]", "model.weight_channels=8")
    weights = "model.level_weights=[0.6, 0.2, 0.2]"
    recipe = read_recipe("shape-stories", [*SIZES, *SHORT, f"data.root={data}", *choices, weights])
    train(recipe, folder, device="cpu")
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> Path:
    """A folder of `hbi convert`, with a tokenizer."""
    folder = tmp_path_factory.mktemp("released")
    tokenizer = train_tokenizer(TEXTS, num_merges=20)
    save_file(released_state(vocab=len(tokenizer)), folder / "best.safetensors")
    convert(folder / "best.safetensors", max_words=MAX_WORDS).save(folder / "converted", tokenizer)
    return folder / "converted"


@pytest.fixture(scope="module")
def answering(tmp_path_factory) -> Path:
    """A converted network that gives three answers of ShapeStories' and one that is not among them."""
    folder = tmp_path_factory.mktemp("answering")
    tokenizer = train_tokenizer(TEXTS, num_merges=20)
    save_file(released_answering_state(num_answers=4, vocab=len(tokenizer)), folder / "best.safetensors")
    made = convert(folder / "best.safetensors", max_words=MAX_WORDS, answers=("red", "no", "yes", "a dog"))
    made.save(folder / "converted", tokenizer)
    return folder / "converted"


def recipe_from(source: Path, data: Path, *changes: str, kind: str = "hbi"):
    """A recipe that says nothing of the network but its kind, as one for own data would."""
    content = [f"training.start_from={source}", f"data.root={data}", f"model={{kind: {kind}}}", *SHORT, *changes]
    return read_recipe("shape-stories", ["data={dataset: shape-stories}", *content])


def opened(recipe) -> tuple[Matcher, TakenWeights]:
    """What a training of a recipe has before its first step, and what it says that it took."""
    recipe = with_start(recipe)
    tokenizer = start_tokenizer(recipe, None)
    model, told = build_and_tell(recipe, tokenizer, ("blue", "no", "red"))
    return Matcher(model.eval(), start_processor(recipe, model, tokenizer), "before the first step"), told


def similarity(matcher: Matcher, recipe) -> torch.Tensor:
    frames = decode_split(with_start(recipe), "val").frames
    return matcher.similarity(TEXTS, matcher.encode_frames(frames.content[:], frames.mask))


@pytest.mark.parametrize("source", ["run", "converted"])
def test_before_the_first_step_it_is_the_old_model_to_the_last_digit(source, data, request):
    folder = request.getfixturevalue(source)
    old, recipe = hbi.load(folder, device="cpu"), recipe_from(folder, data)
    new, told = opened(recipe)
    assert torch.equal(similarity(new, recipe), similarity(old, recipe))
    assert new.fingerprint == old.fingerprint, "weights, configuration, tokenizer and sampling"
    assert set(told.taken) == set(old.model.state_dict())
    assert (told.new, told.left, told.remarks) == ((), (), ())
    assert str(told).startswith(f"started from {folder}: taken towers (")


def test_what_the_recipe_leaves_out_is_the_old_models_and_is_written_down(run, data, tmp_path):
    trainer = start_training(recipe_from(run, data), tmp_path / "new", resume=False, device=CPU, progress=None)
    kept = read_recipe(str(tmp_path / "new" / "recipe.yaml"))
    assert (kept.model.num_neighbors, kept.model.frame_merge_ratio) == (2, (0.6, 0.6))
    assert kept.model.level_weights == (0.6, 0.2, 0.2)
    assert (kept.model.width, kept.model.heads, kept.model.patch_size, kept.model.mlp_ratio) == (16, 2, 8, 2)
    assert (kept.data.num_frames, kept.data.max_words, kept.data.image_size) == (5, 16, 16)
    assert with_start(kept) == kept, "what was filled in agrees"
    assert TakenWeights.read(tmp_path / "new").taken == tuple(trainer.model.state_dict())
    trainer.run(lambda progress: None)
    write_model_card(tmp_path / "new")
    assert f"the weights of `{run}`, all of them (start.json)" in (tmp_path / "new" / "README.md").read_text()


def test_nothing_stays_of_an_attempt_that_started_otherwise(run, data, tmp_path):
    """A run that ended before its first step leaves its folder free."""
    start_training(recipe_from(run, data), tmp_path / "new", resume=False, device=CPU, progress=None)
    assert TakenWeights.read(tmp_path / "new") is not None
    (tmp_path / "new" / "metrics.jsonl").unlink()  # as if it had been killed just before that
    anew = read_recipe("shape-stories", [*SIZES, *SHORT, f"data.root={data}"])
    start_training(anew, tmp_path / "new", resume=False, device=CPU, progress=None)
    assert TakenWeights.read(tmp_path / "new") is None


def steps_of(folder: Path) -> list[dict]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_a_converted_checkpoint_is_tuned_killed_and_resumed(converted, data, tmp_path):
    def trained(folder: Path, *, stop_after: int | None = None) -> None:
        def stop(progress) -> None:
            if progress.step == stop_after:
                raise KeyboardInterrupt

        trainer = start_training(recipe_from(converted, data), folder, resume=True, device=CPU, progress=None)
        try:
            trainer.run(stop)
        except KeyboardInterrupt:
            assert stop_after is not None

    trained(tmp_path / "whole")
    trained(tmp_path / "killed", stop_after=1)
    trained(tmp_path / "killed", stop_after=2)
    trained(tmp_path / "killed")
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "whole")
    whole, killed, old = (hbi.load(each, device="cpu") for each in (tmp_path / "whole", tmp_path / "killed", converted))
    assert whole.fingerprint == killed.fingerprint != old.fingerprint
    assert whole.config.released_behavior, "it computes as it did"
    learned = [name for name, each in old.model.state_dict().items() if not torch.equal(each, state(whole)[name])]
    parts = ("encoder.clip.vision", "encoder.clip.text", "encoder.temporal", "words.mergers", "frames.mergers", "heads")
    assert all(any(name.startswith(part) for name in learned) for part in parts)


def state(matcher) -> dict[str, torch.Tensor]:
    return matcher.model.state_dict()


def position(source: Path) -> torch.Tensor:
    return state(hbi.load(source, device="cpu"))["encoder.temporal.position.weight"]


def test_from_one_kind_of_network_to_another(run, converted, answering, data):
    """What both have is taken; what is new, and what was left, is said."""
    baseline, told = opened(recipe_from(run, data, kind="global"))
    assert torch.equal(baseline.model.encoder.temporal.position.weight, position(run))
    assert not told.new
    assert {name.split(".")[0] for name in told.left} == {"words", "frames", "heads"}
    asked, told = opened(recipe_from(converted, data, kind="answering"))
    assert {name.split(".")[0] for name in told.new} == {"answer_heads"}
    assert not told.left
    old = hbi.load(converted, device="cpu").model.state_dict()
    assert all(torch.equal(asked.model.trunk.state_dict()[name], tensor) for name, tensor in old.items())
    matcher, told = opened(recipe_from(answering, data))
    assert not told.new
    assert {name.split(".")[0] for name in told.left} == {"answer_heads"}
    trunk = hbi.load(answering, device="cpu").model.trunk.state_dict()
    assert all(torch.equal(state(matcher)[name], tensor) for name, tensor in trunk.items())


def test_a_baseline_gains_mergers_and_heads(run, data, tmp_path):
    baseline = tmp_path / "baseline"
    train(recipe_from(run, data, kind="global"), baseline, device="cpu")
    matcher, told = opened(recipe_from(baseline, data, "model.merge_heads=2", "model.merge_ratio=[0.4, 0.5]"))
    assert {name.split(".")[0] for name in told.new} == {"words", "frames", "heads"}
    assert matcher.config.merge_ratio == (0.4, 0.5), "a baseline has no mergers that the recipe could contradict"


def test_answers_keep_their_rows_by_name(answering, data):
    """Four answers there and three here: a row of the same number is not one of the same answer."""
    recipe = with_start(recipe_from(answering, data, kind="answering"))
    model, told = build_and_tell(recipe, start_tokenizer(recipe, None), ("blue", "no", "red"))
    old = hbi.load(answering, device="cpu").model
    for level in ("entity", "action", "event"):
        ours, theirs = model.answer_heads[level].scores, old.answer_heads[level].scores
        assert torch.equal(ours.weight[[1, 2]], theirs.weight[[1, 0]])
        assert torch.equal(ours.bias[[1, 2]], theirs.bias[[1, 0]])
        assert not torch.isin(ours.weight[0], theirs.weight).any()
    assert "2 of 3 answers are known, the others new" in str(told)
    same, told = build_and_tell(recipe, start_tokenizer(recipe, None), old.config.answers)
    assert not told.remarks
    assert all(torch.equal(same.state_dict()[name], tensor) for name, tensor in old.state_dict().items())


def test_more_frames_get_positions(run, data):
    with pytest.raises(HBIError, match="there are positions for max_frames=5"):
        opened(recipe_from(run, data, "data.num_frames=8"))
    longer, told = opened(recipe_from(run, data, "data.num_frames=8", "model.max_frames=8"))
    assert torch.equal(longer.model.encoder.temporal.position.weight[:5], position(run))
    assert told.remarks == ("frame positions from number 5 on are new",)
    assert opened(recipe_from(run, data, "data.num_frames=3"))[0].num_frames == 3


def test_tubelets_start_with_single_frames(run, data):
    recipe = recipe_from(run, data, "model.tubelet_size=3", "model.tubelet_seconds=0.2")
    matcher, told = opened(recipe)
    assert (matcher.config.tubelet_size, matcher.config.tubelet_seconds) == (3, 0.2)
    assert told.remarks == ("towers read 3 frames now, of which they know the middle one",)
    old = hbi.load(run, device="cpu")
    torch.testing.assert_close(
        similarity(matcher, recipe), similarity(old, recipe_from(run, data)), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (["model.merge_heads=4"], r"^model\.merge_heads=4, but the model of .*old has 2: leave it out of the recipe"),
        (["model.level_weights=[1, 0, 0]"], r"level_weights=\[1.0, 0.0, 0.0\], but .* has \[0.6, 0.2, 0.2\]"),
        (["model.width=32"], r"model\.width=32, but .* has 16"),
        (["model.aggregator=lstm"], r"model\.aggregator=lstm, but .* has temporal"),
        (["model.released_behavior=true"], r"released_behavior=true, but .* has false"),
        (["model.max_frames=4"], r"model\.max_frames=4, but .* has 5"),
        (["data.image_size=32"], r"takes pictures of 16 pixels, data\.image_size is 32: set it so"),
        (["data.max_words=1000"], r"max_words=1000, but the text tower reads at most 16 tokens"),
    ],
)
def test_a_recipe_that_says_otherwise_is_refused_in_one_line(run, data, changes, problem):
    with pytest.raises(HBIError, match=problem) as raised:
        opened(recipe_from(run, data, *changes))
    assert "\n" not in str(raised.value)


def test_texts_of_a_converted_checkpoint_stay_as_long_as_they_were(converted, data):
    with pytest.raises(HBIError, match=r"data\.max_words=12, but .* padded to 20 tokens: set it so"):
        opened(recipe_from(converted, data, "data.max_words=12"))


def test_what_is_no_model_of_ours_is_refused_in_one_line(converted, data, tmp_path):
    (tmp_path / "empty").mkdir()
    file = converted.parent / "best.safetensors"
    shutil.copytree(converted, tmp_path / "wordless", ignore=shutil.ignore_patterns("tokenizer*", "vocab*", "merges*"))
    hbi.load(converted, device="cpu").model.encoder.clip.save_pretrained(tmp_path / "clip")
    for source, problem in (
        (tmp_path / "empty", "holds no model that was trained or converted here"),
        (tmp_path / "clip", "an encoder of type 'clip', of which only towers can be taken: model.encoder"),
        (file, f"open a released checkpoint with hbi convert {file}"),
        (tmp_path / "wordless", "has no tokenizer: run hbi convert again with --tokenizer"),
    ):
        with pytest.raises(HBIError, match=problem) as raised:
            opened(recipe_from(source, data))
        assert "\n" not in str(raised.value)


def test_two_starts_are_one_too_many(run):
    both = "model={kind: hbi, encoder: some/clip}", f"training={{num_steps: 1, start_from: {run}}}"
    with pytest.raises(RecipeError, match=r"model\.encoder and training\.start_from both say"):
        read_recipe("shape-stories", both)
    assert read_recipe("msrvtt", [f"training.start_from={run}"]).model.encoder is None, "what is set anew counts"
    again = read_recipe("msrvtt", ["model.clip=some/clip"])
    assert (again.model.encoder, again.training.start_from) == ("some/clip", None)


@pytest.mark.parametrize("source", ["run", "converted"])
def test_an_encoder_that_is_a_whole_model_is_said_to_give_its_towers_alone(source, data, request):
    folder = request.getfixturevalue(source)
    side = {"run": 16, "converted": SIDE}[source]
    sizes = f"data.image_size={side}", "data.max_words=12", "model.merge_heads=2"
    tokens = "model.tubelet_size=1", "model.tubelet_seconds=null"
    recipe = read_recipe("shape-stories", [f"model.encoder={folder}", f"data.root={data}", *sizes, *tokens])
    with pytest.warns(Note, match=f"training.start_from={folder} goes on from all of it"):
        matcher, told = opened(recipe)
    assert told is None
    towers = hbi.load(folder, device="cpu").model.encoder.towers.state_dict()
    assert all(torch.equal(matcher.model.encoder.towers.state_dict()[name], each) for name, each in towers.items())


def test_features_are_those_of_the_model_that_training_goes_on_from(run, data, tmp_path):
    features = f"data.features={tmp_path / 'features'}", "training.freeze_towers=true"
    with warnings.catch_warnings(action="error", category=Note):
        kept = cache_features(recipe_from(run, data, *features), dtype=torch.float32, device="cpu")
    old, frames = hbi.load(run, device="cpu"), decode_split(with_start(recipe_from(run, data)), "val").frames
    expected = old.model.encoder.frame_features(old.network_input(frames.content[:]), frames.mask)
    torch.testing.assert_close(kept[1].features.features[:], expected, atol=1e-6, rtol=0)
    train(recipe_from(run, data, *features), tmp_path / "new", device="cpu")
    assert TakenWeights.read(tmp_path / "new").source == str(run)


def frames_seen(folder: Path, data: Path) -> bool:
    """Whether a run sees videos as the released loader shows them; its recipe and its processor must agree."""
    kept, matcher = read_recipe(str(folder / "recipe.yaml")), hbi.load(folder, device="cpu")
    assert matcher.picture.released_loader == start_picture(kept).released_loader == kept.data.released_loader
    shown = decode_split(kept, "val").frames
    assert torch.equal(shown.content[:], decode_split(kept, "val", picture=matcher.picture).frames.content[:])
    assert ("one frame a second, at most" in (folder / "README.md").read_text()) == kept.data.released_loader
    return kept.data.released_loader


@pytest.mark.parametrize("key", ["training.start_from", "model.encoder"])
def test_a_run_says_that_it_sees_what_the_released_loader_shows(key, converted, data, tmp_path):
    """As the folder of the converted checkpoint says; a recipe that says otherwise is obeyed."""
    of_towers = f"data.image_size={SIDE}", "data.num_frames=5", "model.merge_heads=2"
    sizes = of_towers if key == "model.encoder" else ()
    content = [f"data={{dataset: shape-stories, root: {data}}}", "model={kind: hbi}", *SHORT, *sizes]
    recipe = read_recipe("shape-stories", [*content, f"{key}={converted}"])
    with warnings.catch_warnings(action="ignore", category=Note):
        train(recipe, tmp_path / "new", device="cpu")
        assert frames_seen(tmp_path / "new", data)
        train(tmp_path / "new", overrides=["training.num_steps=4"], device="cpu")  # goes on without being told
        assert frames_seen(tmp_path / "new", data)
        otherwise = read_recipe("shape-stories", [*content, f"{key}={converted}", "data.released_loader=false"])
        train(otherwise, tmp_path / "other", device="cpu")
        assert not frames_seen(tmp_path / "other", data)


def test_a_run_that_would_go_on_with_other_frames_is_refused(converted, data, tmp_path):
    """As one whose recipe was edited."""
    train(recipe_from(converted, data), tmp_path / "new", device="cpu")
    file = tmp_path / "new" / "recipe.yaml"
    file.write_text(file.read_text().replace("released_loader: true", "released_loader: false"))
    with pytest.raises(HBIError, match="was trained on other frames than its recipe says") as raised:
        train(tmp_path / "new", overrides=["training.num_steps=4"], device="cpu")
    assert "\n" not in str(raised.value)
