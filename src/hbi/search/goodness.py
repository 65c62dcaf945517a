"""How good a match is, in a word, and in a sentence what that rests on.

Two things are known of a hit: how unusual its score is (`rarity`; here it counts as well how far the text is ahead of
texts with one word exchanged, see `hbi.search.rivals`), and which words of the text are found in it. The first alone
can call a blue square a good match for "a red square". So

    strong   95 of 100 unrelated sentences find nothing as good, and half of the words are found
    fair     95 of 100 find nothing as good; which words are there, the model may not be able to tell
    weak     50 of 100 find nothing as good; or a word is not found; or half of the words are unknown
    none     the rest; and whatever lacks more words than it has, or was asked for in unknown words alone

The shares were chosen on the validation videos of ShapeStories (docs/results/search.md).
"""

import math
from collections.abc import Sequence

from hbi.explanation.whole_words import FUNCTION_WORDS
from hbi.search.results import Goodness, WordMatch

STRONG_FROM, WEAK_FROM = 0.95, 0.5
DEFAULT_THRESHOLD = 0.95
"""Rarity from which a hit is fair, and so counts as good."""
STRONG_CLIP_FROM, WEAK_CLIP_FROM = 0.8, 0.2
DEFAULT_CLIP_THRESHOLD = 0.5
"""The same for clips, which are held against the nearest neighbors of other moments: half of these are as near."""
MOST_NAMED = 3
"""Words of one verdict that a sentence names."""
_ORDER: tuple[Goodness, ...] = ("none", "weak", "fair", "strong")


def judge(rarity: float, words: Sequence[WordMatch], threshold: float = DEFAULT_THRESHOLD) -> Goodness:
    """Return how good a match is.

    Args:
        rarity: Share of unrelated questions that find nothing as good, the lead of a text counted.
        words: Of the text that was searched for; none for a clip.
        threshold: The rarity from which a hit is fair.
    """
    weak, strong = (WEAK_FROM, STRONG_FROM) if words else (WEAK_CLIP_FROM, STRONG_CLIP_FROM)
    bounds = (min(weak, threshold), threshold, max(strong, threshold))
    by_score = _ORDER[sum(rarity >= bound for bound in bounds)]
    return min(by_score, _allowed(words), key=_ORDER.index)


def _allowed(words: Sequence[WordMatch]) -> Goodness:
    """Return the best that the words allow."""
    if not words:
        return "strong"
    verdicts = [word.verdict for word in words if word.text.lower() not in FUNCTION_WORDS]
    num_found, num_missing, num_unknown = (verdicts.count(each) for each in ("found", "not found", "unknown"))
    if num_missing > num_found or (verdicts and num_unknown == len(verdicts)):
        return "none"
    if num_missing or 2 * num_unknown >= max(1, len(verdicts)):
        return "weak"
    return "strong" if verdicts and 2 * num_found >= len(verdicts) and not num_unknown else "fair"


def reason(rarity: float, words: Sequence[WordMatch]) -> str:
    """Return what the goodness of a hit rests on, in one sentence.

    Args:
        rarity: Share of unrelated questions that find nothing as good.
        words: Of the text that was searched for; none for a clip.
    """
    share = math.floor(100 * rarity + 1e-9)
    if not words:
        return f"Closer to the clip than {share} of 100 moments of this index are to any other video."
    parts = [f"Better than {share} of 100 unrelated sentences"]
    of_verdict = {
        verdict: [word.text for word in words if word.verdict == verdict and word.text.lower() not in FUNCTION_WORDS]
        for verdict in ("found", "not found", "unknown", "cannot tell")
    }
    parts += [f"{_listed(of_verdict[each])} {each}" for each in ("found", "not found") if of_verdict[each]]
    if of_verdict["unknown"]:
        parts.append(f"the model has never seen {_listed(of_verdict['unknown'])}")
    if len(parts) == 1 and of_verdict["cannot tell"]:
        parts.append("the model can check the text as a whole only, no word by itself")
    return "; ".join(parts) + "."


def _listed(words: Sequence[str]) -> str:
    """Return words in quotation marks, as a list; each once, whatever its case."""
    different = list({word.lower(): f"“{word}”" for word in reversed(words)}.values())[::-1]
    shown, num_left = different[:MOST_NAMED], len(different) - MOST_NAMED
    if num_left > 0:
        return f"{', '.join(shown)} and {num_left} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
