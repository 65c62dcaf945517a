"""How true captions and videos compare with those made wrong of them: one against the other, on the same partner."""

from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import softplus

from hbi.models import GlobalContrastModel, HBIModel, MatchOutput
from hbi.shapes import ComparedLevel
from hbi.training.detached_encodings import Encodings
from hbi.training.marks import NONE, Marks


class TrueAndFalse(NamedTuple):
    """Similarities that rank, of pairs of which one is true and the other made wrong."""

    true: Float[Tensor, " pair"]
    false: Float[Tensor, " pair"]


class Matched(NamedTuple):
    """A batch that holds rows made wrong, matched.

    Attributes:
        output: Of what is true, as if nothing else had been there.
        exchanged: True captions against exchanged ones, on the video of both.
        turned: Videos as they are against turned ones, for the captions that tell an order.
        is_caption: True for the texts that are in the output.
        video_of_text: Of these the row of their video in the output.
    """

    output: MatchOutput
    exchanged: TrueAndFalse
    turned: TrueAndFalse
    is_caption: Bool[Tensor, " text"]
    video_of_text: Int[Tensor, " caption"]


def match_with_wrong_rows(
    model: HBIModel | GlobalContrastModel, encodings: Encodings, video_of_text: Int[Tensor, " text"], marks: Marks
) -> Matched:
    """Return what the network gives for the true rows of a batch, and how the others compare with them.

    Args:
        model: The network.
        encodings: Of all texts and videos.
        video_of_text: The row of each text's video; of a wrong one, that of the caption it was made from.
        marks: Say which rows are made wrong.
    """
    # The two networks merge to different things, and each compares what it made.
    texts, videos = cast(tuple[Any, Any], model.merge(*encodings))
    is_caption, is_video = marks.true_text == NONE, marks.true_video == NONE
    column = (is_video.cumsum(0) - 1)[video_of_text]
    output = model.compare(texts[is_caption], videos[is_video], column[is_caption])
    wrong, turned = ((~is_true).nonzero().squeeze(1) for is_true in (is_caption, is_video))
    own = videos[video_of_text[wrong]]
    told, turn = ordered_pairs(video_of_text, marks, turned)
    seen = texts[told]
    return Matched(
        output,
        TrueAndFalse(
            pair_similarity(model, texts[marks.true_text[wrong]], own), pair_similarity(model, texts[wrong], own)
        ),
        TrueAndFalse(
            pair_similarity(model, seen, videos[video_of_text[told]]),
            pair_similarity(model, seen, videos[turned[turn]]),
        ),
        is_caption,
        column[is_caption],
    )


def ordered_pairs(
    video_of_text: Int[Tensor, " text"], marks: Marks, turned: Int[Tensor, " turned"]
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """Return the captions that tell an order and whose video was turned, and for each the place among the turned.

    Args:
        video_of_text: The row of each text's video.
        marks: Of all rows.
        turned: The rows of the turned videos.
    """
    is_meant = marks.tells_order & (marks.true_text == NONE)
    pairs = (is_meant[:, None] & (video_of_text[:, None] == marks.true_video[turned])).nonzero()
    return pairs[:, 0], pairs[:, 1]


def preference(pairs: TrueAndFalse, scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Return the mean of -log(e^true / (e^true + e^false)) over pairs, of logits: InfoNCE with one negative.

    Without a pair it is 0.

    Args:
        pairs: Similarities.
        scale: What multiplies a similarity to make a logit.
    """
    return softplus(scale * (pairs.false - pairs.true)).sum() / max(1, len(pairs.true))


def pair_similarity(model: HBIModel | GlobalContrastModel, texts: Any, videos: Any) -> Float[Tensor, " pair"]:
    """Return the similarity that ranks of text 0 with video 0, text 1 with video 1, …

    In float32, whatever the precision of the training: true and false differ by little.

    Args:
        model: The network.
        texts: What it made of texts.
        videos: What it made of as many videos.
    """
    scale = model.encoder.logit_scale
    if not len(texts):
        return torch.zeros(0, device=scale.device)
    with torch.autocast(scale.device.type, enabled=False):
        if not isinstance(model, HBIModel):
            return model.similarity(texts.float(), videos.float()).diagonal()
        if model.config.interaction == "global":
            return model.similarity(texts, videos).diagonal()
        # What everyone together is worth in a level's game is the similarity of that level.
        worth: dict[ComparedLevel, Tensor] = {}
        for level, game in model.games(texts, videos).items():
            everyone = torch.ones(1, game.num_words + game.num_frames, dtype=torch.bool, device=scale.device)
            worth[level] = game(everyone)[:, None]
        return model.combine(worth).squeeze(1)
