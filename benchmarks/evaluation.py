"""Ranking 1,000 x 1,000 and 10,000 x 10,000 pairs: merging once per item, against merging again for every pair.

    python benchmarks/evaluation.py                     # all parts: about twenty minutes on two cores
    python benchmarks/evaluation.py --only blocks       # blocks, captions, processes or large

Items are random tokens of the size of the paper's (24 words, 12 frames, width 512, three levels), as the towers would
have given them: towers are the same work in every way and left out. All texts have 24 words but in the part "captions",
where they are as long as MSR-VTT's are and the other way pads them to 24. Each part is stored when it is there.

The other way is what the field's evaluation loops do: for every mini-batch of 32 texts and every mini-batch of 32
videos, words and frames are clustered and merged again, and then compared.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPConfig

from hbi.data.features import FeatureStore
from hbi.evaluation.similarity_matrix import Blocks, similarity_matrix
from hbi.files import write_atomically
from hbi.models import HBIConfig, HBIModel
from hbi.ops import TokenSequence
from hbi.training.distributed import joined_processes

RESULTS = Path(__file__).parent / "results" / "evaluation.json"
NUM_WORDS, NUM_FRAMES, WIDTH, MINI_BATCH = 24, 12, 512, 32
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")
CPU = torch.device("cpu")


class TokenMatcher:
    """A matcher without towers: the text "7 x x" is the first three tokens of row 7 of a table."""

    def __init__(self, num_texts: int) -> None:
        torch.manual_seed(0)
        clip = CLIPConfig(text_config={"num_hidden_layers": 1}, vision_config={"num_hidden_layers": 1})
        self.network = HBIModel(HBIConfig(encoder_config=clip, max_words=NUM_WORDS, max_frames=NUM_FRAMES)).eval()
        self.device = CPU
        self.words = torch.randn(num_texts, NUM_WORDS, WIDTH, generator=torch.Generator().manual_seed(1))

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """Return the levels of texts, padded to the longest."""
        words = [text.split() for text in texts]
        lengths = torch.tensor([len(text) for text in words])
        return self.encode_rows(torch.tensor([int(text[0]) for text in words]), lengths, int(lengths.max()))

    def encode_rows(self, rows: Tensor, lengths: Tensor, padded_length: int) -> Any:
        """Return the levels of texts from their rows in the table, padded to one length."""
        mask = torch.arange(padded_length) < lengths[:, None]
        return self.network.words(TokenSequence.unmerged(self.words[rows, :padded_length], mask))

    def encode_frames(self, frames: Tensor, mask: Tensor) -> Any:
        """Return the levels of videos from frame tokens."""
        return self.network.frames(TokenSequence.unmerged(frames, mask))

    def similarity(self, texts: Any, videos: Any) -> Tensor:
        """Compare as the network does."""
        return self.network.similarity(texts, videos)


def caption_lengths(count: int) -> list[int]:
    """Return tokens of texts, special tokens among them, as long as the captions of MSR-VTT's 1k-A test
    split, cut at 24: 11.4 on average with a standard deviation of 4.1 (counted in its file, a token a word)."""
    drawn = torch.randn(count, generator=torch.Generator().manual_seed(3)) * 4.1 + 11.4
    return [int(length) for length in drawn.round().clamp(4, NUM_WORDS)]


@dataclass(frozen=True)
class Work:
    """A square of texts and videos; texts of full length, or of that of captions."""

    size: int
    are_captions: bool = False

    def prepare(self) -> tuple[TokenMatcher, list[str], FeatureStore]:
        mask = torch.ones(self.size, NUM_FRAMES, dtype=torch.bool)
        frames = torch.randn(self.size, NUM_FRAMES, WIDTH, generator=torch.Generator().manual_seed(2))
        store = FeatureStore(frames, mask, torch.zeros(self.size, NUM_FRAMES), (), "")
        lengths = caption_lengths(self.size) if self.are_captions else [NUM_WORDS] * self.size
        texts = [" ".join([str(row), *["x"] * (length - 1)]) for row, length in enumerate(lengths)]
        return TokenMatcher(self.size), texts, store


def merging_for_every_pair(matcher: TokenMatcher, texts: Sequence[str], store: FeatureStore) -> Tensor:
    rows, lengths = [], torch.tensor([len(text.split()) for text in texts])
    for text in range(0, len(texts), MINI_BATCH):
        blocks = []
        for video in range(0, len(store.mask), MINI_BATCH):
            numbers = torch.arange(text, min(text + MINI_BATCH, len(texts)))
            words = matcher.encode_rows(numbers, lengths[numbers], NUM_WORDS)
            frames = matcher.encode_frames(
                store.features[video : video + MINI_BATCH], store.mask[video : video + MINI_BATCH]
            )
            blocks.append(matcher.similarity(words, frames))
        rows.append(torch.cat(blocks, dim=1))
    return torch.cat(rows)


def timed(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    started = time.perf_counter()
    with torch.inference_mode():
        result = run()
    return time.perf_counter() - started, result


def measure_blocks() -> dict[str, Any]:
    """Time both ways on texts of 24 words."""
    return both_ways(Work(1000))


def measure_captions() -> dict[str, Any]:
    """Time both ways on texts as long as captions are."""
    return both_ways(Work(1000, are_captions=True))


def both_ways(work: Work) -> dict[str, Any]:
    """Time both ways on the same items, ours first and again after the other."""
    matcher, texts, store = work.prepare()
    similarity_matrix(matcher, texts[:64], store)
    first, ours = timed(lambda: similarity_matrix(matcher, texts, store))
    again, theirs = timed(lambda: merging_for_every_pair(matcher, texts, store))
    second, _ = timed(lambda: similarity_matrix(matcher, texts, store))
    return {
        "size": "1,000 x 1,000",
        "once_per_item_seconds": [first, second],
        "again_per_pair_seconds": again,
        "times_faster": again / max(first, second),
        "largest_difference": float((ours - theirs).abs().max()),
        "threads": torch.get_num_threads(),
    }


def measure_processes() -> dict[str, Any]:
    """Rank 2,000 x 2,000 alone and with 2 and 3 processes, each of one thread, and compare the bits."""
    seconds, matrices = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 2, 3):
            file = Path(folder) / f"{count}.pt"
            launcher = (*TORCHRUN, f"--nproc-per-node={count}") if count > 1 else (sys.executable,)
            subprocess.run([*launcher, __file__, "--share", str(file)], check=True)
            seconds[count], matrix = torch.load(file)
            matrices.append(matrix)
    return {
        "size": "2,000 x 2,000",
        "seconds_by_processes": seconds,
        "same_bits": all(torch.equal(matrix, matrices[0]) for matrix in matrices),
    }


def share(file: Path) -> None:
    torch.set_num_threads(1)
    matcher, texts, store = Work(2000).prepare()
    with joined_processes(CPU) as processes:
        seconds, matrix = timed(lambda: similarity_matrix(matcher, texts, store, sharing=processes))
        if processes.is_main:
            torch.save((seconds, matrix), file)


def measure_large() -> dict[str, Any]:
    """Rank 10,000 x 10,000 with the encodings of 2,048 videos in memory at a time."""
    matcher, texts, store = Work(10_000).prepare()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blocks = Blocks(kept_videos=2048)
    seconds, matrix = timed(lambda: similarity_matrix(matcher, texts, store, blocks=blocks))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "size": "10,000 x 10,000",
        "seconds": seconds,
        "kept_videos": blocks.kept_videos,
        "input_mib": (matcher.words.nbytes + store.features.nbytes) / 2**20,
        "matrix_mib": matrix.nbytes / 2**20,
        "peak_mib_before": before / 2**10,
        "peak_mib": after / 2**10,
        "threads": torch.get_num_threads(),
    }


PARTS = {"blocks": measure_blocks, "captions": measure_captions, "processes": measure_processes, "large": measure_large}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    parser.add_argument("--share", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.share:
        share(arguments.share)
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in [arguments.only] if arguments.only else PARTS:
        results[name] = PARTS[name]() | {"torch": torch.__version__, "machine": platform.machine()}
        print(name, json.dumps(results[name], indent=2), flush=True)
        write_atomically(RESULTS, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
