"""The code of docs/how-to/change-the-method.md, saved as the page says and used."""

import importlib
import json
import re
import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from math import comb
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import normalize

import hbi
from hbi.experiments.continuing import request_of
from hbi.experiments.reading import read_recipe
from hbi.experiments.taken_weights import TakenWeights
from hbi.experiments.training import start_training
from hbi.explanation import Explanation
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.solve import columns_labelled, explain_tokens, words_in
from hbi.games import ExactTeacher, LateInteractionGame
from hbi.matching import Matcher
from hbi.models import GlobalContrastModel, ModelError, add_network
from hbi.models.networks import NETWORKS
from hbi.shape_stories import generate_shape_stories
from hbi.shapes import LEVELS
from hbi.training.objective import Objective, contrast
from training.marked import EVERYTHING, gradients_of, marked_batch
from training.tiny import CPU, SIZES, batch, network

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "change-the-method.md"
NAMES = ("margin", "projected", "adapted", "beta")
STEPS = ("training.num_steps=4", "training.batch_size=4", "training.log_every=1", "training.checkpoint_every=1")


@pytest.fixture(scope="module", autouse=True)
def modules(tmp_path_factory):
    """The modules of the page, in a folder that Python knows."""
    folder = tmp_path_factory.mktemp("page")
    codes = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for name, code in zip(NAMES, codes, strict=True):
        (folder / f"{name}.py").write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    for name in NAMES:
        del sys.modules[name]
    del NETWORKS["adapted-hbi"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stories")
    generate_shape_stories(folder, num_train=8, num_val=4, num_test=2, seed=0, num_workers=1)
    return folder


def settings(data: Path, *changes: str) -> list[str]:
    return [*SIZES, *STEPS, f"data.root={data}", "data.frames_per_position=1", *changes]


def steps_of(run: Path) -> list[dict]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def stopped_after(step: int):
    """What is told of a training, and ends it as a kill would after a step."""

    @contextmanager
    def watch(trainer):
        def show(progress) -> None:
            if progress.step == step:
                raise KeyboardInterrupt

        yield show

    return watch


def output_of(model, rows):
    return model(rows.input_ids, rows.attention_mask, rows.frames / 255.0, rows.frame_mask, rows.video_of_text)


@pytest.mark.parametrize("kind", [None, GlobalContrastModel])
def test_the_term_is_what_a_loop_counts(modules, kind):
    model, rows = network(*([kind] if kind else [])), batch()
    with torch.no_grad():
        output = output_of(model, rows)
    similarity, own = output.similarity.tolist(), rows.video_of_text.tolist()
    expected = 0.0
    for row, video in zip(similarity, own, strict=True):
        hardest = max(value for other, value in enumerate(row) if other != video)
        expected += 0.3 * max(0.0, hardest - row[video] + 0.2) / len(own)
    plain, changed = Objective(), modules.margin.with_margin(Objective(), model, weight=0.3, margin=0.2)
    before, after = (each(output, rows.video_of_text) for each in (plain, changed))
    assert after.parts["margin"].item() == pytest.approx(expected, rel=1e-5)
    assert after.total.item() == pytest.approx(before.total.item() + expected, rel=1e-5)
    assert after.parts.keys() - before.parts.keys() == {"margin"}


def test_the_projection_is_what_it_says_and_gets_a_gradient(modules):
    model, rows = network(), batch()
    torch.manual_seed(3)
    objective = modules.projected.WithProjection(Objective(), model, width=4)
    output = output_of(model, rows)
    loss = objective(output, rows.video_of_text)
    means = []
    for side, project in (
        (output.levels["entity"].words, objective.words),
        (output.levels["entity"].frames, objective.frames),
    ):
        rows_of = zip(side.weights, side.sequence.tokens, strict=True)
        means.append(normalize(torch.stack([project(weights @ tokens) for weights, tokens in rows_of]), dim=-1))
    expected = contrast(output.logit_scale * means[0] @ means[1].T, rows.video_of_text)
    torch.testing.assert_close(loss.parts["contrast/projected"], expected)
    loss.total.backward()
    assert objective.words.weight.grad.norm() > 0


def test_known_rows_are_passed_on(modules):
    """Wrong captions, turned videos and function words reach the objective of the recipe."""
    changed = modules.margin.with_margin(EVERYTHING, None)
    plain, found = (gradients_of(network(), marked_batch(), each)[0] for each in (EVERYTHING, changed))
    assert found.parts.keys() == plain.parts.keys() | {"margin"}
    assert all(torch.equal(found.parts[name], value) for name, value in plain.parts.items())


def test_it_is_trained_logged_and_known_by_name(modules, data, tmp_path):
    """From Python, and as the command line names it: the same run."""
    run, twin = tmp_path / "margin", tmp_path / "twin"
    options = "objective.options.weight=0.2"
    hbi.train(
        "shape-stories", run, objective=modules.margin.with_margin, overrides=settings(data, options), device="cpu"
    )
    named = settings(data, options, "objective.changed_by=margin:with_margin")
    hbi.train("shape-stories", twin, overrides=named, device="cpu")
    assert steps_of(twin) == steps_of(run)
    assert all(line["margin"] > 0 for line in steps_of(run) if line["kind"] == "train")
    plain = tmp_path / "plain"
    hbi.train("shape-stories", plain, overrides=settings(data), device="cpu")
    first, without = steps_of(run)[0], steps_of(plain)[0]
    assert first["loss"] == pytest.approx(without["loss"] + first["margin"], rel=1e-6)
    assert first["contrast/entity"] == without["contrast/entity"]
    kept = read_recipe(str(run / "recipe.yaml")).objective
    assert (kept.changed_by, kept.options) == ("margin:with_margin", {"weight": 0.2})
    assert "- Objective: changed by `margin:with_margin` with weight=0.2" in (run / "README.md").read_text()
    events = b"".join(file.read_bytes() for file in (run / "tensorboard").iterdir())
    assert b"train/margin" in events


@pytest.mark.parametrize("named", ["margin:with_margin", "projected:WithProjection"])
def test_stopped_and_resumed_it_gives_the_same_numbers(named, data, tmp_path):
    change, whole, stopped = f"objective.changed_by={named}", tmp_path / "whole", tmp_path / "stopped"
    hbi.train("shape-stories", whole, overrides=settings(data, change), device="cpu")
    for step in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            hbi.train(
                "shape-stories",
                stopped,
                overrides=settings(data, change),
                resume=True,
                device="cpu",
                watch=stopped_after(step),
            )
    hbi.train(stopped, device="cpu")
    assert steps_of(stopped) == steps_of(whole)
    assert hbi.load(stopped, device="cpu").fingerprint == hbi.load(whole, device="cpu").fingerprint
    states = [torch.load(run / "checkpoint.pt", weights_only=True) for run in (whole, stopped)]
    if named.startswith("projected"):
        assert states[0]["objective"].keys() == {"words.weight", "words.bias", "frames.weight", "frames.bias"}
        assert all(torch.equal(states[1]["objective"][name], value) for name, value in states[0]["objective"].items())
        assert not any(name.startswith("objective") for name in hbi.load(whole, device="cpu").model.state_dict())
    else:
        assert "objective" not in states[0]


def test_what_has_weights_of_its_own_learns(modules, data, tmp_path):
    change = ("objective.changed_by=projected:WithProjection", "objective.options.width=8")
    made = []

    class Seen(modules.projected.WithProjection):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            made.append({name: value.clone() for name, value in self.state_dict().items()})

    hbi.train("shape-stories", tmp_path / "run", overrides=settings(data, *change), objective=Seen, device="cpu")
    learned = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["objective"]
    assert learned["words.weight"].shape == (8, 16)
    assert all(not torch.equal(learned[name], value) for name, value in made[0].items())


def similarity(model, texts=("a red circle turns blue", "a square"), seed=0):
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (3, 5, *model.picture.shape), dtype=torch.uint8, generator=random)
    return model.similarity(list(texts), model.encode_frames(pixels, torch.ones(3, 5, dtype=torch.bool)))


def test_a_module_is_trained_kept_opened_and_explained(modules, data, tmp_path):
    run = tmp_path / "adapted"
    hbi.train("shape-stories", run, overrides=settings(data, "model.network=adapted-hbi"), device="cpu")
    matcher = hbi.load(run, device="cpu")
    assert type(matcher.model) is modules.adapted.AdaptedHBI
    assert matcher.model.adapter.weight.norm() > 0, "it has learned"
    assert (matcher.kind, matcher.config.model_type) == ("hbi", "adapted-hbi")
    explanation = matcher.explain(sorted(data.glob("**/*.mp4"))[0], "a red circle turns blue")
    parts = explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned
    assert parts == pytest.approx(explanation.similarity, abs=1e-9)
    again = tmp_path / "again"
    hbi.train(run, again, device="cpu", overrides=["training.seed=0"])
    assert steps_of(again) == steps_of(run)
    matcher.save_pretrained(tmp_path / "shared")
    assert hbi.load(tmp_path / "shared", device="cpu").fingerprint == matcher.fingerprint
    tuned = tmp_path / "tuned"
    start = ("data={dataset: shape-stories}", "model={kind: hbi}", f"training.start_from={run}", f"data.root={data}")
    hbi.train("shape-stories", tuned, overrides=[*start, *STEPS], device="cpu")
    assert read_recipe(str(tuned / "recipe.yaml")).model.network == "adapted-hbi", "what it starts from says it"


def test_a_module_joins_a_trained_model(modules, data, tmp_path):
    """Before the first step the new layer changes nothing, and it is the only one that is new."""
    hbi.train("shape-stories", tmp_path / "first", overrides=settings(data), device="cpu")
    start = ("data={dataset: shape-stories}", f"training.start_from={tmp_path / 'first'}", f"data.root={data}")
    recipe = read_recipe("shape-stories", [*start, "model={kind: hbi, network: adapted-hbi}", *STEPS])
    made = start_training(recipe, tmp_path / "tuned", resume=False, device=CPU, progress=None)
    old = hbi.load(tmp_path / "first", device="cpu")
    new = Matcher(made.model.eval(), old.processor, "before the first step")
    assert torch.equal(similarity(new), similarity(old))
    assert TakenWeights.read(tmp_path / "tuned").new == ("adapter.weight",)
    made.run(lambda progress: None)
    assert hbi.load(tmp_path / "tuned", device="cpu").model.adapter.weight.norm() > 0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (["model.network=adopted-hbi"], "model.network=adopted-hbi: no such network is known; import the module"),
        (["model={kind: global, network: adapted-hbi}"], "is not derived from GlobalContrastModel: set model.kind"),
    ],
)
def test_a_network_that_is_none_is_one_line(changes, problem, data, tmp_path):
    with pytest.raises(hbi.HBIError, match=problem) as raised:
        hbi.train("shape-stories", tmp_path / "run", overrides=settings(data, *changes), device="cpu")
    assert "\n" not in str(raised.value)


def test_a_folder_of_a_network_that_nobody_added_is_refused(modules, data, tmp_path):
    hbi.train("shape-stories", tmp_path / "run", overrides=settings(data, "model.network=adapted-hbi"), device="cpu")
    known = NETWORKS.data.pop("adapted-hbi")
    try:
        with pytest.raises(hbi.HBIError, match="is of type 'adapted-hbi', a network of ours is needed: hbi, "):
            hbi.load(tmp_path / "run", device="cpu")
    finally:
        NETWORKS["adapted-hbi"] = known
    with pytest.raises(ModelError, match="there is a network 'hbi' in hbi: choose another name"):
        add_network("hbi")


def beta_by_visiting(game: LateInteractionGame) -> torch.Tensor:
    """Every coalition without the two, by its probability where p has the density 6 p (1 - p)."""
    words, frames = game.num_words, game.num_frames
    found = torch.zeros(words, frames, dtype=torch.float64)

    def worth(coalition: set[int]) -> float:
        members = torch.tensor([player in coalition for player in range(words + frames)])
        return game(members).item()

    for word, frame in product(range(words), range(frames)):
        pair = {word, words + frame}
        others = [player for player in range(words + frames) if player not in pair]
        for chosen in product([False, True], repeat=len(others)):
            inside = {player for player, is_in in zip(others, chosen, strict=True) if is_in}
            size, rest = len(inside) + 2, len(others) - len(inside) + 2
            chance = 6 / ((size + rest - 1) * comb(size + rest - 2, size - 1))  # of the beta function
            second = worth(inside | pair) - worth(inside | {word}) - worth(inside | {words + frame}) + worth(inside)
            found[word, frame] += chance * second
    return found


@pytest.mark.parametrize("shape", [(3, 2), (2, 4)])
def test_the_index_is_that_of_all_coalitions(modules, shape):
    random = torch.Generator().manual_seed(1)
    draw = lambda *size: torch.rand(*size, generator=random, dtype=torch.float64)  # noqa: E731
    game = LateInteractionGame(draw(*shape) * 2 - 0.8, draw(shape[0]), draw(shape[1]))
    torch.testing.assert_close(modules.beta.beta_interactions(game), beta_by_visiting(game), atol=1e-9, rtol=0)


def test_the_index_teaches(modules, data, tmp_path):
    rows = batch()
    with torch.no_grad():
        output = output_of(network(), rows)
    taught = modules.beta.taught_by_beta(Objective(), None)
    assert taught == replace(Objective(), teacher=modules.beta.beta_interactions)
    banzhaf = Objective(teacher=ExactTeacher())(output, rows.video_of_text).parts
    found = taught(output, rows.video_of_text).parts
    other = {name for name in banzhaf if not torch.equal(banzhaf[name], found[name])}
    assert "interaction/entity" in other
    assert other <= {f"interaction/{level}" for level in LEVELS}
    hbi.train(
        "shape-stories",
        tmp_path / "beta",
        overrides=settings(data, "objective.changed_by=beta:taught_by_beta"),
        device="cpu",
    )
    video, text = sorted(data.glob("**/*.mp4"))[0], "a red circle turns blue"
    matcher = hbi.load(tmp_path / "beta", device="cpu")
    explanation = matcher.explain(video, text, index=modules.beta.beta_interactions)
    assert explanation.index == "beta interaction"
    plain = matcher.explain(video, text)
    assert (plain.index, plain.similarity) == ("Banzhaf interaction", explanation.similarity)
    assert (explanation.word_contributions == plain.word_contributions).all()
    assert abs(explanation.interactions - plain.interactions).max() > 0


def test_an_explanation_calls_the_index_by_its_name(modules, tmp_path):
    torch.manual_seed(0)
    words, frames = torch.randn(3, 4), torch.randn(2, 4)
    shown = {"text": "a red star", "words": words_in("a red star"), "frames": columns_labelled(["one", "two"])}
    explanation = explain_tokens(words, frames, **shown, index=modules.beta.beta_interactions)
    explanation.save(tmp_path / "explanation")
    assert Explanation.load(tmp_path / "explanation").index == "beta interaction"
    page = explanation_section(explanation, "a")
    assert "exact beta interaction of a word" in page
    assert "Banzhaf" not in page
    with pytest.raises(hbi.HBIError, match=r"wrong: an index gives a finite number .* \[3, 2\] here, .* numbers \[3\]"):
        explain_tokens(words, frames, **shown, index=wrong)


def wrong(game):
    return game.word_weights


def test_a_notebook_can_give_it_again(modules, data, tmp_path):
    """What has no name outside of a function is refused without it, and goes on with it."""

    def here(objective, network):
        return modules.margin.with_margin(objective, network)

    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        hbi.train("shape-stories", run, objective=here, overrides=settings(data), device="cpu", watch=stopped_after(2))
    with pytest.raises(hbi.HBIError, match=r"has no name outside of its function; .* hbi\.train\(…, objective=…\)"):
        hbi.train(run, device="cpu")
    hbi.train(run, objective=here, device="cpu")
    assert steps_of(run)[-1]["step"] == 4
    assert request_of(run, None).recipe.objective.changed_by.endswith("<locals>.here")
