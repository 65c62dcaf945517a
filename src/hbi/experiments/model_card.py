"""The model card of a run: what it was trained on and how, what was measured, how to use it. Made from its files."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from hbi.encoders.state_files import CheckpointError, read_safetensors
from hbi.evaluation.evaluation_protocol import EvaluationProtocol
from hbi.experiments.reading import read_recipe
from hbi.experiments.schema import Recipe
from hbi.experiments.taken_weights import FILE
from hbi.files import is_regular, read_regular_text, write_atomically
from hbi.matching.opened_model import CARD, weights_in_words
from hbi.models.weights import WEIGHTS
from hbi.shapes import COMPARED_LEVELS
from hbi.training.run_folder import RunFolder

_MOST_BYTES = 2**24
_KINDS = {
    "hbi": "matches videos with texts by Hierarchical Banzhaf Interaction: it compares words and frames at the entity, "
    "action and event level, and the exact interaction of a word with a frame says why",
    "global": "matches videos with texts by one embedding each; it is the baseline, and cannot say why",
    "answering": "answers questions about videos with one of a fixed list of answers, and shows which words and "
    "seconds the answer comes from",
}
_MEASURES = ("recall@1", "recall@5", "recall@10", "recall@50", "median_rank", "mean_rank")


def write_model_card(run: Path) -> Path:
    """Write README.md into a run folder and return it; called after training and after each evaluation.

    Args:
        run: A run folder of `hbi train`.

    Raises:
        HBIError: Its recipe or log cannot be read, or the folder cannot be written.
    """
    folder = RunFolder(run)
    recipe = read_recipe(str(folder.recipe))
    parts = [*_head(run, recipe), *_training(folder, recipe), *_measures(run), *_use(run, recipe), *_limits(recipe)]
    write_atomically(run / CARD, "\n".join(parts) + "\n")
    return run / CARD


def _head(run: Path, recipe: Recipe) -> Iterator[str]:
    task = "visual-question-answering" if recipe.asks_questions else "feature-extraction"
    yield from ("---", "library_name: hbi", f"pipeline_tag: {task}", "tags: [video, text, retrieval, hbi]", "---")
    yield f"# {run.resolve().name}"
    yield f"\nA network that {_KINDS[recipe.model.kind]} (Jin et al., CVPR 2023, arXiv 2303.14369; trained with hbi).\n"


def _training(folder: RunFolder, recipe: Recipe) -> Iterator[str]:
    data, training = recipe.data, recipe.training
    start = "random weights"
    if source := recipe.training.start_from or recipe.model.encoder:
        start = f"the weights of `{source}`" + (f", all of them ({FILE})" if recipe.training.start_from else "")
    yield "## Training\n"
    yield f"- Data: {data.dataset}, its train split" + (f" ({data.protocol})" if data.protocol else "")
    frames = f"one frame a second, at most {data.num_frames}," if data.released_loader else f"{data.num_frames} frames"
    yield f"- Seen of a video: {frames} of {data.image_size} x {data.image_size} pixels"
    yield f"- Seen of a text: {data.max_words} tokens"
    yield f"- Started from {start}; {training.length} of {training.batch_size} videos; seed {training.seed}"
    if (changed := recipe.objective.changed_by) is not None:
        options = ", ".join(f"{name}={value}" for name, value in recipe.objective.options.items())
        yield f"- Objective: changed by `{changed}`" + (f" with {options}" if options else "")
    validations = [record for record in folder.read_metrics() if record.get("kind") == "validation"]
    if validations:
        best = max(validations, key=lambda record: record.get("score", float("-inf")))
        yield f"- Weights: best on the validation split, after step {best['step']} (score {best['score']:.1f})"
    if recipe.model.kind == "hbi":
        yield f"- Levels weigh {_weights(folder, recipe)} in the similarity"
    yield "- Every setting: `recipe.yaml`\n"


def _weights(folder: RunFolder, recipe: Recipe) -> str:
    """Return how much each level counts: as given, or as the best weights have learned it."""
    given = recipe.model.level_weights
    if not recipe.model.learns_level_weights:
        return weights_in_words(dict(zip(COMPARED_LEVELS, given, strict=False)))
    try:
        logits = read_safetensors(folder.weights("best") / WEIGHTS)["level_logits"]
    except (CheckpointError, KeyError):  # not yet written, or damaged, which who opens the run is told
        return f"what was learned, from {weights_in_words(dict(zip(COMPARED_LEVELS, given, strict=False)))} on,"
    learned = [round(weight, 3) for weight in logits.float().softmax(0).tolist()]
    return f"{weights_in_words(dict(zip(COMPARED_LEVELS, learned, strict=False)))}, as it learned,"


def _measures(run: Path) -> Iterator[str]:
    yield "## Measures\n"
    files = [file for file in sorted(run.glob("metrics*.json")) if is_regular(file)]
    found = [lines for file in files if (lines := _lines_of(file))]
    if not found:
        yield f"None yet: `hbi evaluate {run.name}` measures it.\n"
    for lines in found:
        yield from lines


def _lines_of(file: Path) -> list[str]:
    """Return the part of the card that tells of a file of measures; nothing where a card has no form for it."""
    try:
        values = json.loads(read_regular_text(file, _MOST_BYTES))
        return list(_ranking(values) if "text_to_video" in values else _answers(values))
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):  # another's file, or damaged
        return []


def _ranking(values: dict[str, Any]) -> Iterator[str]:
    names = [field.name for field in fields(EvaluationProtocol)]
    yield f"{EvaluationProtocol(**{name: values['protocol'][name] for name in names})}\n"
    yield "| direction | R@1 | R@5 | R@10 | R@50 | MdR | MnR |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name in ("text_to_video", "video_to_text"):
        # Earlier versions measured no R@50.
        cells = " | ".join(f"{values[name][each]:.1f}" if each in values[name] else "" for each in _MEASURES)
        yield f"| {name.replace('_', ' ')} | {cells} |"
    yield ""


def _answers(values: dict[str, Any]) -> Iterator[str]:
    yield f"Questions of the split {values['split']}, {values['num_answers']} answers to choose from\n"
    yield "| questions | right | among the best five | from the question alone | number |"
    yield "| --- | --- | --- | --- | --- |"
    for row in values["accuracies"]:
        blind = "not measured" if row["question_only"] is None else f"{row['question_only']:.1f} %"
        in_5 = f"{row['top_5']:.1f} %" if "top_5" in row else "not measured"
        yield f"| {row['kind']} | {row['accuracy']:.1f} % | {in_5} | {blind} | {row['num_questions']} |"
    yield ""


def _use(run: Path, recipe: Recipe) -> Iterator[str]:
    call = (
        'model.answer("video.mp4", "what color is the circle?").best(3)'
        if recipe.asks_questions
        else 'model.similarity(["a red circle moves left"], ["one.mp4", "two.mp4"])  # [texts, videos]'
    )
    yield "## Use\n"
    if (name := recipe.model.network) is not None:
        yield f"The network `{name}` is no part of hbi: before this folder is opened, import the module that adds it.\n"
    yield f"```python\nimport hbi\n\nmodel = hbi.load({run.name!r})  # this folder\n{call}\n```\n"
    yield "After `import hbi.models`, `AutoModel.from_pretrained` and `AutoProcessor.from_pretrained` of transformers"
    yield "open the folder as well.\n"


def _limits(recipe: Recipe) -> Iterator[str]:
    yield "## Limits\n"
    yield f"It was measured on {recipe.data.dataset} only, if at all (see above): not on other videos, languages, or"
    yield "lengths, and not for bias. " + (
        "It knows the shapes, colors and movements of made-up films, and nothing of the world."
        if recipe.data.dataset == "shape-stories" and recipe.starts_at_random
        else "What its starting weights have learned, good and bad, is in it."
    )
