"""A batch with rows that were made wrong, and the objective of all that reads marks."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch

from hbi.training.batch_gradient import BatchGradient
from hbi.training.batches import Batch, texts_of_videos
from hbi.training.lone_words import LoneWords
from hbi.training.marks import Marks, followed_by_copies, shifted
from hbi.training.objective import Loss, Objective
from training.tiny import CPU, batch

EVERYTHING = Objective(
    gamma=0.3,
    coalition_probabilities=(0.25, 0.75),
    interaction_contrast=0.4,
    concentration=2.0,
    function_words=0.7,
    exchanged=0.6,
    turned=0.8,
    reconstruction=0.9,
)


def marked_batch(*, has_wrong_rows: bool = True, has_lone_words: bool = True) -> Batch:
    """The tiny batch; if asked, every second text is followed by a wrong one, and videos 1, 4 and 5 by turned ones.

    And if asked, half of the wrong texts count as words by themselves instead, which tokens of captions are parts of.
    """
    plain, random = batch(), torch.Generator().manual_seed(7)
    num_texts, num_videos = len(plain.input_ids), len(plain)
    tells_order = torch.rand(num_texts, generator=random) < 0.7
    folded = torch.rand(plain.input_ids.shape, generator=random) < 0.4
    none = torch.full((num_videos,), -1)
    if not has_wrong_rows:
        return replace(plain, marks=Marks(torch.full((num_texts,), -1), none, tells_order, folded))
    texts = followed_by_copies(torch.arange(num_texts) % 2 == 0)
    videos = followed_by_copies(torch.isin(torch.arange(num_videos), torch.tensor([1, 4, 5])))
    ids, frames = plain.input_ids[texts.source], plain.frames[videos.source]
    ids[texts.is_copy, 1] = 3 + (ids[texts.is_copy, 1] - 3 + 7) % 27  # another first word
    frames[videos.is_copy] = frames[videos.is_copy].flip(1)
    video_of_text = videos.place[plain.video_of_text[texts.source]]
    is_lone = texts.is_copy & (texts.source % 4 == 0) & has_lone_words
    number = torch.randint(-1, max(1, int(is_lone.sum())), ids.shape, generator=random)
    number[texts.is_copy] = -1
    number[plain.attention_mask[texts.source] == 0] = -1
    lone_words = LoneWords(is_lone, number)
    return Batch(
        ids,
        plain.attention_mask[texts.source],
        frames,
        plain.frame_mask[videos.source],
        video_of_text,
        marks=Marks(
            texts.original.masked_fill(is_lone, -1),
            videos.original,
            tells_order[texts.source],
            folded[texts.source],
            lone_words if has_lone_words else None,
        ),
    )


def shares(whole: Batch, num_processes: int) -> Iterator[Batch]:
    """The rows of each process of several that share the batch."""
    marks = whole.marks
    originals = [*(marks.true_video == -1).nonzero().flatten().tolist(), len(whole)]
    size = (len(originals) - 1) // num_processes
    for first in range(0, size * num_processes, size):
        own = slice(originals[first], originals[first + size])
        texts = texts_of_videos(whole.video_of_text, own)
        yield Batch(
            whole.input_ids[texts],
            whole.attention_mask[texts],
            whole.frames[own],
            whole.frame_mask[own],
            whole.video_of_text[texts] - own.start,
            marks=Marks(
                shifted(marks.true_text[texts], -texts.start),
                shifted(marks.true_video[own], -own.start),
                marks.tells_order[texts],
                marks.function_words[texts],
                LoneWords(marks.lone_words.is_lone[texts], marks.lone_words.number[texts]),
            ),
        )


def gradients_of(model, rows: Batch, objective: Objective, **settings) -> tuple[Loss, dict[str, torch.Tensor | None]]:
    """The loss of a batch, and what it leaves in every parameter."""
    model = copy.deepcopy(model)
    loss = BatchGradient(model, model.encoder, objective, CPU, **settings)(rows, seed=3)
    return loss, {name: parameter.grad for name, parameter in model.named_parameters()}
