"""Whether a word is understood: exchanged for another of its kind, it must change score and map as the truth changes.

That the map of "spins" points at the seconds of its event is no evidence: its token also knows the "red circle" beside
it. With "falls" in its place, a network that understands must

- score the video less than before, by more than it does other videos (chance: 50 %), and
- where another event of the video falls, point there, and no longer at the event that spins. Only a word that points
  right both times is *credited*; a map that lives on the word's neighbors stays where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from hbi.data.frames import KeptFrames
from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.games.extension import MultilinearExtension
from hbi.matching import Matcher
from hbi.matching.matcher import EncodedTexts
from hbi.models import GlobalContrastModel

UNDERSTOOD_ABOVE = 75.0
"""Percent of exchanges after which the score falls: half-way from chance to always."""
NUM_OTHERS = 100
"""Videos that say what an exchange does to the score of any video."""
COSINE, OF_TOKENS, AT_INPUT = "cosine of tokens", "exact Banzhaf of tokens", "word removed at the input"


@dataclass(frozen=True)
class PlacedWord:
    """A word `[start, end)` of a text, and the seconds of a video that show what it names; None where none do."""

    text: str
    start: int
    end: int
    seconds: tuple[float, float] | None

    @property
    def rest(self) -> str:
        """The text without it."""
        return " ".join((self.text[: self.start] + " " + self.text[self.end :]).split())


@dataclass(frozen=True)
class WordExchange:
    """A text that is true of a video (a row of the split), and the same text made wrong by another word of a kind."""

    kind: str
    video: int
    true: PlacedWord
    wrong: PlacedWord


@dataclass(frozen=True)
class MapScore:
    """Where maps of a word point, in percent of the exchanges for a word that is true elsewhere in the video.

    Attributes:
        name: How a map is made.
        points: At the event of the true word: what is usually measured.
        follows: At the event of the wrong word, once that stands there.
        credited: Both.
    """

    name: str
    points: float
    follows: float
    credited: float


@dataclass(frozen=True)
class Understanding:
    """What a network makes of the words of a kind.

    Attributes:
        kind: Such as "color".
        falls: Percent of the exchanges for what the video does not show at all that lower the score, by more than the
            median of other videos.
        falls_error: Its standard error.
        num_exchanges: How many these were.
        falls_elsewhere: The same for what another event of the video shows; `num_elsewhere` of them.
        points_by_chance: A frame drawn at random points right.
        credited_by_chance: Two frames drawn at random do.
        maps: Of each kind of map.
    """

    kind: str
    falls: float
    falls_error: float
    num_exchanges: int
    falls_elsewhere: float
    num_elsewhere: int
    points_by_chance: float
    credited_by_chance: float
    maps: tuple[MapScore, ...]

    @property
    def is_understood(self) -> bool:
        """Whether the score falls far more often than by chance, beyond two standard errors."""
        return self.falls - 2 * self.falls_error > UNDERSTOOD_ABOVE


@torch.inference_mode()
def measure_understanding(
    matcher: Matcher, exchanges: Sequence[WordExchange], frames: KeptFrames, *, batch_size: int = 64
) -> tuple[Understanding, ...]:
    """Return what a network understands, kind by kind.

    Args:
        matcher: The opened model; one that compares wholes has maps of removed words only.
        exchanges: Words to exchange.
        frames: Of the videos.
        batch_size: Exchanges in one go.
    """
    videos = matcher.encode_frames(frames.content[:], frames.mask)
    falls = torch.cat([_falls(matcher, part, videos) for part in _batches(exchanges, batch_size)])
    elsewhere = [exchange for exchange in exchanges if exchange.wrong.seconds]
    found: dict[str, list[Tensor]] = {}
    for part in _batches(elsewhere, batch_size):
        own, other = (_shown(frames, part, which) for which in ("true", "wrong"))
        before, after = (_maps(matcher, part, which, frames, videos) for which in ("true", "wrong"))
        is_frame = frames.mask[[exchange.video for exchange in part]]
        for name in before:
            strongest = (
                each[name].masked_fill(~is_frame, -torch.inf).argmax(-1, keepdim=True) for each in (before, after)
            )
            points, follows = (
                inside.gather(1, frame).squeeze(1) for inside, frame in zip((own, other), strongest, strict=True)
            )
            found.setdefault(name, []).append(torch.stack([points, follows, points & follows], 1))
        count = is_frame.sum(-1)
        shares = own.sum(-1) / count, own.sum(-1) * other.sum(-1) / count**2
        found.setdefault("chance", []).append(torch.stack(shares, 1))
    measured = {name: torch.cat(parts).double() for name, parts in found.items()}
    kinds = dict.fromkeys(exchange.kind for exchange in exchanges)
    return tuple(_understanding(kind, exchanges, falls, elsewhere, measured) for kind in kinds)


def _understanding(
    kind: str,
    exchanges: Sequence[WordExchange],
    falls: Bool[Tensor, " exchange"],
    elsewhere: Sequence[WordExchange],
    measured: dict[str, Float[Tensor, "elsewhere measure"]],
) -> Understanding:
    is_kind = torch.tensor([each.kind == kind for each in exchanges])
    is_elsewhere = torch.tensor([each.wrong.seconds is not None for each in exchanges])
    absent, present = (falls[is_kind & rows].double() for rows in (~is_elsewhere, is_elsewhere))
    rows = torch.tensor([each.kind == kind for each in elsewhere], dtype=torch.bool)
    means = {name: [100 * value for value in values[rows].mean(0).tolist()] for name, values in measured.items()}
    chance = means.pop("chance", [float("nan")] * 2)
    share = float(absent.mean())
    return Understanding(
        kind=kind,
        falls=100 * share,
        falls_error=100 * (share * (1 - share) / max(len(absent), 1)) ** 0.5,
        num_exchanges=len(absent),
        falls_elsewhere=100 * float(present.mean()),
        num_elsewhere=len(present),
        points_by_chance=chance[0],
        credited_by_chance=chance[1],
        maps=tuple(MapScore(name, *values) for name, values in means.items()),
    )


def _falls(matcher: Matcher, exchanges: Sequence[WordExchange], videos: Any) -> Bool[Tensor, " exchange"]:
    """Return whether each exchange lowers the score of its video, by more than the median of other videos."""
    rows = torch.tensor([exchange.video for exchange in exchanges])
    spaced = torch.linspace(0, len(videos) - 1, min(NUM_OTHERS, len(videos))).long()
    columns, places = torch.cat([rows, spaced]).unique(return_inverse=True)
    true, wrong = (
        matcher.similarity(matcher.encode_texts([getattr(each, which).text for each in exchanges]), videos[columns])
        for which in ("true", "wrong")
    )
    loss = true - wrong
    own = places[: len(rows)]
    is_other = torch.zeros_like(loss, dtype=torch.bool)
    is_other[:, places[len(rows) :]] = True
    is_other.scatter_(1, own[:, None], False)
    return loss.gather(1, own[:, None]).squeeze(1) > loss.masked_fill(~is_other, torch.nan).nanmedian(1).values


def _maps(
    matcher: Matcher, exchanges: Sequence[WordExchange], which: str, frames: KeptFrames, videos: Any
) -> dict[str, Float[Tensor, "exchange frame"]]:
    """Return the maps of the true, or of the wrong, words, one for each way to make one."""
    words: list[PlacedWord] = [getattr(exchange, which) for exchange in exchanges]
    rows = torch.tensor([exchange.video for exchange in exchanges])
    texts, rests = (
        matcher.encode_texts([each.text for each in words]),
        matcher.encode_texts([each.rest for each in words]),
    )
    if isinstance(matcher.model, GlobalContrastModel):
        shown = matcher.model.frame_features(matcher.network_input(frames.content[rows]), frames.mask[rows])
        effect = normalize(texts.encoding.float(), dim=-1) - normalize(rests.encoding.float(), dim=-1)
        return {AT_INPUT: torch.einsum("ad,avd->av", effect, normalize(shown.float(), dim=-1))}
    game, without = (matcher.games(each, videos[rows])["entity"] for each in (texts, rests))
    is_word = tokens_of(texts, words)
    with_it, without_it = (_gains(each) for each in (game, without))
    return {
        COSINE: _of_word(game.similarity, is_word),
        OF_TOKENS: _of_word(banzhaf_interactions(game), is_word),
        AT_INPUT: with_it - without_it,
    }


def _gains(game: LateInteractionGame) -> Float[Tensor, "pair frame"]:
    """Return what each frame adds to all words, every other frame present with 1/2."""
    return MultilinearExtension.of(game).first_with_all_words(0.5)


def _of_word(
    values: Float[Tensor, "pair word frame"], is_word: Bool[Tensor, "pair word"]
) -> Float[Tensor, "pair frame"]:
    """Return the mean over the tokens of a word."""
    return (values * is_word[:, :, None]).sum(1) / is_word.sum(1, keepdim=True).clamp(min=1)


def tokens_of(texts: EncodedTexts, words: Sequence[PlacedWord]) -> Bool[Tensor, "pair token"]:
    """Return which tokens of each text make its word.

    Args:
        texts: One for each word.
        words: Where each text has its word.
    """
    first, last = texts.tokens.spans.unbind(-1)
    starts, ends = (torch.tensor([getattr(each, name) for each in words])[:, None] for name in ("start", "end"))
    return (first >= starts) & (last <= ends) & (last > first)


def _shown(frames: KeptFrames, exchanges: Sequence[WordExchange], which: str) -> Bool[Tensor, "exchange frame"]:
    """Return which frames show what the true, or the wrong, word names."""
    rows = [exchange.video for exchange in exchanges]
    seconds = torch.tensor([getattr(exchange, which).seconds for exchange in exchanges], dtype=torch.float64)
    times = frames.timestamps_seconds[rows]
    return (times >= seconds[:, :1]) & (times < seconds[:, 1:]) & frames.mask[rows]


def _batches(exchanges: Sequence[WordExchange], size: int) -> Iterator[Sequence[WordExchange]]:
    """Yield so many exchanges at a time, in their order."""
    for start in range(0, len(exchanges), size):
        yield exchanges[start : start + size]
