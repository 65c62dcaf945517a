"""How well stems see motion: each position of a ShapeStories video says color, shape and action of its event.

    hbi data shape-stories data
    python benchmarks/motion.py --data data
    python benchmarks/motion.py --table      # write the page again from what is stored

A network that was trained by a contrast may not tell actions because it cannot see them, or because nothing asked for
them. Here they are asked for: a tower of the size of the recipe `shape-stories` with a linear layer is trained with
cross-entropy on the truth, position by position; no position sees another one. Positions at whose second nothing is on
screen are left out.

Every stem and seed is stored as it ends, in benchmarks/results/motion.json; what is stored with the same settings is
not computed again. The tables go into docs/results/motion.md, between its marks.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import put, spread, table
from torch import Tensor, nn
from transformers import CLIPConfig

from hbi.data.frames import FrameStore, decode_frames
from hbi.data.samples import Video
from hbi.encoders.clip import CLIPEncoder
from hbi.encoders.preprocessing import network_input
from hbi.encoders.stem import changes_over_time
from hbi.shape_stories import Story, load_stories
from hbi.shape_stories.world import VALUES
from hbi.training.memory import keep_freed_memory
from hbi.training.optimization import build_optimizers, warmup_cosine
from hbi.video import PictureFormat

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "motion.json"
PAGE = HERE.parent / "docs" / "results" / "motion.md"
STEMS = {
    "single": "single frames",
    "stacked": "three frames, stacked",
    "differences": "differences of three frames, stacked",
    "convolutional": "`stem: convolutional`, `tubelet_size: 3`",
}
TUBELET, SECONDS_APART = 3, 0.25
TIMES = 4.0
"""What differences of pixels are multiplied by: most of them are small."""
POSITIONS, SIDE, WIDTH = 12, 48, 64
FRAMES_PER_POSITION = 2
"""Of a training video so many are decoded, and one is drawn for each step, as in the recipe."""
WARMUP_STEPS, LOOK_EVERY = 30, 100
NOTHING = -100
"""The label of a position that is left out: cross-entropy ignores it."""


@dataclass(frozen=True)
class Settings:
    """What runs must share to be compared, or to be one."""

    steps: int
    batch_size: int
    train_videos: int
    val_videos: int


@dataclass(frozen=True)
class Labeled:
    """The tubelets of videos, and for each position the number of its color, shape and action."""

    frames: FrameStore
    labels: Tensor


class Probe(nn.Module):
    """A tower that reads tubelets by one of `STEMS`, and a linear layer that says color, shape and action."""

    def __init__(self, stem: str) -> None:
        super().__init__()
        self.stem = stem
        size = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_attention_heads": 4, "num_hidden_layers": 1}
        channels = 3 * TUBELET if stem in ("stacked", "differences") else 3
        no_text = {"vocab_size": 2, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        config = CLIPConfig(
            projection_dim=WIDTH,
            text_config=size | no_text,
            vision_config=size | {"image_size": SIDE, "patch_size": 8, "num_channels": channels, "hidden_act": "gelu"},
        )
        tubelet_size = TUBELET if stem == "convolutional" else 1
        self.encoder = CLIPEncoder(CLIPEncoder.new_towers(config, "convolutional", tubelet_size), None, ())
        self.encoder.tubelet_size = tubelet_size
        self.says = nn.Linear(WIDTH, sum(map(len, VALUES.values())))

    def forward(self, pixels: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return logits of colors, of shapes and of actions [video, position, value].

        Args:
            pixels: Tubelets in uint8 [video, position, frame, 3, height, width].
            mask: Which positions there are.
        """
        tokens = self.encoder.encode_videos(seen_by(self.stem, network_input(pixels)), mask).sequence.tokens
        return self.says(tokens).split([len(values) for values in VALUES.values()], -1)


def seen_by(stem: str, tubelets: Tensor) -> Tensor:
    """Return what the first layer of a stem is given of tubelets.

    Args:
        stem: A name of `STEMS`.
        tubelets: Normalized [video, position, frame, 3, height, width].
    """
    if stem == "single":
        return tubelets[:, :, TUBELET // 2]
    if stem == "differences":
        factors = torch.tensor([1.0] + [TIMES] * (TUBELET - 1))
        changes = changes_over_time(TUBELET) * factors[:, None]
        tubelets = torch.einsum("cf,bnf...->bnc...", changes, tubelets)
    return tubelets if stem == "convolutional" else tubelets.flatten(2, 3)


def read(data: Path, split: str, num_videos: int | None, num_positions: int) -> Labeled:
    """Return videos of a split of ShapeStories with the truth of each position.

    Args:
        data: The folder of `hbi data shape-stories`.
        split: "train" or "val".
        num_videos: How many, the first ones; None: all.
        num_positions: Of each video.
    """
    stories = load_stories(data, split)[:num_videos]
    picture = PictureFormat.square(SIDE).in_tubelets(TUBELET, SECONDS_APART)
    videos = [Video(story.video_id, story.video) for story in stories]
    frames = decode_frames(videos, num_frames=num_positions, picture=picture)
    return Labeled(frames, labels_of(stories, frames.timestamps_seconds, frames.mask))


def labels_of(stories: Sequence[Story], seconds: Tensor, mask: Tensor) -> Tensor:
    """Return the number of color, shape and action of the event on screen [video, position, 3].

    Args:
        stories: One for each video.
        seconds: When each position is shown [video, position].
        mask: Which positions there are; at others, and in gaps between events, the label is `NOTHING`.
    """
    labels = torch.full((*seconds.shape, len(VALUES)), NOTHING)
    for row, story in enumerate(stories):
        for event in story.events:
            is_on = (seconds[row] >= event.start_seconds) & (seconds[row] < event.end_seconds) & mask[row]
            numbers = [values.index(getattr(event, kind)) for kind, values in VALUES.items()]
            labels[row, is_on] = torch.tensor(numbers)
    return labels


def batches(train: Labeled, settings: Settings, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield pixels, mask and labels of each step: other videos, and one of the frames decoded for each position.

    Args:
        train: With `FRAMES_PER_POSITION` frames for each position.
        settings: How many steps, of how many videos.
        seed: Of the draw.
    """
    draw = np.random.default_rng(seed)
    frames, labels = train.frames, train.labels
    for _ in range(settings.steps):
        rows = torch.from_numpy(draw.choice(len(labels), settings.batch_size, replace=False))[:, None]
        drawn = draw.integers(FRAMES_PER_POSITION, size=(len(rows), POSITIONS))
        columns = torch.arange(POSITIONS) * FRAMES_PER_POSITION + torch.from_numpy(drawn)
        yield frames.content[rows, columns], frames.mask[rows, columns], labels[rows, columns]


class Training:
    """A probe and its optimizers, as the recipe's."""

    def __init__(self, stem: str, seed: int, num_steps: int) -> None:
        torch.manual_seed(seed)
        self.probe = Probe(stem).train()
        self.optimizers = build_optimizers(self.probe, "muon", lr=2e-3, encoder_lr=2e-3, muon_lr=4e-3, weight_decay=0.1)
        self.schedules = [
            torch.optim.lr_scheduler.LambdaLR(
                each, lambda step: warmup_cosine(step, num_steps=num_steps, num_warmup_steps=WARMUP_STEPS)
            )
            for each in self.optimizers
        ]

    def step(self, pixels: Tensor, mask: Tensor, labels: Tensor) -> float:
        """Return the loss before a step: the sum of the cross-entropies of color, shape and action."""
        logits = self.probe(pixels, mask)
        losses = [
            nn.functional.cross_entropy(each.flatten(0, 1), labels[..., n].flatten()) for n, each in enumerate(logits)
        ]
        loss = torch.stack(losses).sum()
        loss.backward()
        nn.utils.clip_grad_norm_(self.probe.parameters(), 1.0)
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        return loss.item()


@torch.inference_mode()
def accuracy(probe: Probe, val: Labeled) -> dict[str, float]:
    """Return the percent of positions whose color, shape and action is said rightly."""
    said = []
    for rows in torch.arange(len(val.labels)).split(50):
        said.append(
            torch.stack([each.argmax(-1) for each in probe(val.frames.content[rows], val.frames.mask[rows])], -1)
        )
    is_judged = val.labels[..., 0] != NOTHING
    right = (torch.cat(said) == val.labels)[is_judged].double().mean(0)
    return {kind: 100 * float(right[number]) for number, kind in enumerate(VALUES)}


def most_frequent(val: Labeled) -> dict[str, float]:
    """Return the percent of positions that have the most frequent color, shape and action."""
    judged = val.labels[val.labels[..., 0] != NOTHING]
    return {kind: 100 * int(judged[:, n].bincount().max()) / len(judged) for n, kind in enumerate(VALUES)}


def trained(stem: str, seed: int, train: Labeled, val: Labeled, settings: Settings) -> dict[str, dict[str, float]]:
    """Return the accuracy after every `LOOK_EVERY` steps and at the end, by the number of steps.

    Args:
        stem: A name of `STEMS`.
        seed: Of the weights, and of the batches.
        train, val: What is learned from, and what is judged.
        settings: How long, and with batches of which size.
    """
    training, after = Training(stem, seed, settings.steps), {}
    for number, batch in enumerate(batches(train, settings, seed), 1):
        training.step(*batch)
        if number % LOOK_EVERY == 0 or number == settings.steps:
            after[str(number)] = accuracy(training.probe.eval(), val)
            training.probe.train()
            print(f"{stem}, seed {seed}, {number} steps: {after[str(number)]}", flush=True)
    return after


def milliseconds(train: Labeled, batch_size: int, num_steps: int) -> dict[str, float]:
    """Return the milliseconds of one thread for a step of each stem: the fastest of some, taken in turn.

    The time is the processor's: other programs on the machine change it little.

    Args:
        train: Where one batch comes from, the same for all.
        batch_size: Its videos.
        num_steps: Timed steps, after one that warms up.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    batch = next(batches(train, Settings(1, batch_size, 0, 0), 0))
    trainings = {stem: Training(stem, 0, WARMUP_STEPS + num_steps) for stem in STEMS}
    fastest = dict.fromkeys(STEMS, float("inf"))
    for number in range(num_steps + 1):
        for stem, training in trainings.items():
            started = time.process_time()
            training.step(*batch)
            if number:
                fastest[stem] = min(fastest[stem], 1000 * (time.process_time() - started))
    torch.set_num_threads(threads)
    return fastest


def stored(results: Path) -> dict[str, Any]:
    """Return what is stored."""
    return json.loads(results.read_text()) if results.is_file() else {"runs": []}


def store(results: Path, content: dict[str, Any]) -> None:
    results.write_text(json.dumps(content, indent=1) + "\n")


def measure(arguments: argparse.Namespace) -> None:
    """Compute what is not stored yet: one seed of all stems, then the next one."""
    results: Path = arguments.results
    train = read(arguments.data, "train", arguments.train_videos, FRAMES_PER_POSITION * POSITIONS)
    val = read(arguments.data, "val", arguments.val_videos, POSITIONS)
    settings = Settings(arguments.steps, arguments.batch_size, len(train.labels), len(val.labels))
    content = stored(results) | {"most_frequent": most_frequent(val)}
    if content.get("settings", asdict(settings)) != asdict(settings):
        raise SystemExit(f"{results} was measured with {content['settings']}: give other --results")
    content["settings"] = asdict(settings)
    if "milliseconds" not in content:
        content["milliseconds"] = milliseconds(train, arguments.batch_size, arguments.timed_steps)
        store(results, content)
    for seed in range(arguments.seeds):
        for stem in STEMS:
            if not any((run["stem"], run["seed"]) == (stem, seed) for run in content["runs"]):
                after = trained(stem, seed, train, val, settings)
                content["runs"].append({"stem": stem, "seed": seed, "accuracy_after": after})
                store(results, content)


def tables(content: dict[str, Any]) -> dict[str, list[str]]:
    """Return the tables of the page by their names."""
    steps, runs, fastest = str(content["settings"]["steps"]), content["runs"], content.get("milliseconds", {})
    rows = []
    for stem, title in STEMS.items():
        own = [run["accuracy_after"] for run in runs if run["stem"] == stem]
        figures = [spread([each[steps][kind] for each in own], 1) for kind in VALUES]
        early = spread([each[str(LOOK_EVERY)]["action"] for each in own if str(LOOK_EVERY) in each], 1)
        cost = [f"{fastest[stem]:.0f}", f"{fastest[stem] / fastest['single']:.2f}"] if fastest else ["–", "–"]
        rows.append([title, str(len(own)), *figures, early, *cost])
    rows.append(
        ["the most frequent value", "", *(f"{each:.1f}" for each in content["most_frequent"].values()), *[""] * 3]
    )
    header = ["stem", "seeds", *VALUES, f"action after {LOOK_EVERY} steps", "ms a step", "ratio"]
    return {"motion": table(header, rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder of ShapeStories")
    parser.add_argument("--steps", type=int, default=300, help="of each training")
    parser.add_argument("--batch-size", type=int, default=32, help="videos of a step")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each stem")
    parser.add_argument("--train-videos", type=int, help="only the first ones")
    parser.add_argument("--val-videos", type=int, help="only the first ones")
    parser.add_argument("--timed-steps", type=int, default=10, help="of each stem, in turn")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to store; the page tells of the default")
    parser.add_argument("--table", action="store_true", help="only write the table")
    arguments = parser.parse_args()
    if not arguments.table:
        if arguments.data is None:
            parser.error("give --data, or --table")
        keep_freed_memory()
        measure(arguments)
    content = stored(arguments.results)
    if "settings" not in content:
        raise SystemExit(f"{arguments.results} holds nothing yet: give --data")
    written = tables(content)
    print(*written["motion"], sep="\n")
    if arguments.results == RESULTS:
        put(PAGE, written)


if __name__ == "__main__":
    main()
