"""What a person should know of the model that searches: its name and kind, what it was trained on, what it knows."""

import re
from dataclasses import dataclass

from hbi.matching.matcher import Matcher
from hbi.matching.seen_words import has_never_seen
from hbi.web.sample_queries import picture_words

LONGEST = 300
"""Characters of a sentence from a model card: anybody may have written it."""
SMALL_VOCABULARY = 5000
"""Tokens: so few belong to a tokenizer that was made from a network's own training captions."""
NUM_EXAMPLES = 8
NONSENSE = "qxzvjkwq"
"""Of a model that can name what it has never seen, this is such a word."""
_KINDS = {
    "hbi": "it compares words with frames",
    "multi-vector": "it compares words with parts of frames",
    "global": "it compares whole sentences with whole moments",
    "dense": "it compares whole sentences with whole moments",
}


@dataclass(frozen=True)
class ModelFacts:
    """Sentences for a person, in the order in which they are read.

    Attributes:
        name: What the model is called.
        kind: What it compares.
        sentences: What it was trained on and what it knows, as far as its files say so.
    """

    name: str
    kind: str
    sentences: tuple[str, ...]

    @classmethod
    def of(cls, matcher: Matcher) -> "ModelFacts":
        """Return what the files of a model say of it."""
        sentences = []
        trained = re.search(r"^- Data: (.+), its train split", matcher.card, re.MULTILINE)
        if trained:
            sentences.append(f"It was trained on the captions of {trained[1][:LONGEST]}.")
        elif matcher.description.startswith("zero-shot"):
            sentences.append("It was not trained by hbi: it is used as it was published.")
        vocabulary = matcher.tokenizer.get_vocab()
        words = picture_words(matcher)
        if len(vocabulary) < SMALL_VOCABULARY and words:
            examples = ", ".join(words[:NUM_EXAMPLES])
            sentences.append(f"The vocabulary of its captions is small: {len(words)} words, such as {examples}.")
        knows = re.search(r"It knows [^.\n]+\.", matcher.card)
        if knows:
            sentences.append(knows[0][:LONGEST])
        if has_never_seen(matcher.tokenizer, NONSENSE):
            sentences.append("A word that it has never seen is named when you search for it.")
        else:
            sentences.append("Of a rare word it cannot say whether it has ever seen it.")
        return cls(matcher.name, _KINDS.get(matcher.kind, "it compares texts with videos"), tuple(sentences))
