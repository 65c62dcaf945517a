"""How much of a word's interaction lies in its event: by hand, on a model that points where it is told to, and in all
places that say it alike."""

import pytest
import torch

from evaluation.small_split import TEXTS
from hbi.data.samples import Evidence, Question, Split
from hbi.evaluation.answer_evidence import answer_evidence
from hbi.evaluation.attributions import methods, variants
from hbi.evaluation.explained_pairs import explained_pairs
from hbi.evaluation.faithfulness import explanation_scores, summary
from hbi.evaluation.localization import _measure, localization, share_inside
from hbi.games import LateInteractionGame, banzhaf_interactions, interactions_of_members
from hbi.models import Hierarchy, Players
from hbi.ops import TokenSequence
from hbi.shapes import LEVELS
from small_networks import small_answerer

INSIDE = torch.tensor([True, True, False, False])
EVIDENCE = (Evidence(TEXTS[0], 2, 5, 0, 0.0, 4.0, 8.0), Evidence(TEXTS[1], 7, 11, 2, 4.0, 8.0, 8.0))


def test_a_merged_token_shares_its_interaction_among_its_frames():
    """Frames 1, 2 and 3 are one clip of 0.6, frame 0 is another of 0.3; frames 0 and 1 lie inside the event.

    Each frame of the clip has 0.6 / 3 = 0.2, so that (0.3 + 0.2) / (0.3 + 3 * 0.2) = 5 / 9 is inside.
    """
    merged, frames = torch.tensor([[0.3, 0.6]]), torch.tensor([0, 1, 1, 1])
    shared_out = interactions_of_members(merged, torch.tensor([0]), frames, is_shared_out=True)
    assert share_inside(shared_out, INSIDE, torch.ones(4, dtype=torch.bool)).item() == pytest.approx(5 / 9)


def test_the_share_is_of_positive_interaction_over_all_words():
    interactions = torch.tensor([[[1.0, -5.0, 2.0], [0.0, 3.0, 0.0]], [[-1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]])
    inside = torch.tensor([[False, True, False], [True, True, False]])
    shares = share_inside(interactions, inside, torch.ones(2, 3, dtype=torch.bool))
    assert shares.tolist() == pytest.approx([3 / 6, 2 / 3]), "without any positive: the share of frames"
    apart = share_inside(interactions.unsqueeze(-2), inside[:, None], torch.ones(2, 1, 3, dtype=torch.bool))
    assert apart[0].tolist() == [0.0, 1.0]


def test_padding_has_no_share():
    is_frame = torch.tensor([True, True, True, False])
    assert share_inside(torch.tensor([[1.0, 1.0, 1.0, 9.0]]), INSIDE, is_frame).item() == pytest.approx(2 / 3)
    assert share_inside(torch.zeros(1, 4), INSIDE, is_frame).item() == pytest.approx(2 / 3)


def test_a_long_clip_has_no_more_than_a_short_one_of_the_same_worth():
    merged, frames = torch.ones(1, 1, 2), torch.tensor([[0, 0, 0, 1]])
    words, inside = torch.zeros(1, 1, dtype=torch.long), torch.tensor([[True, True, True, False]])
    full = interactions_of_members(merged, words, frames)
    shared_out = interactions_of_members(merged, words, frames, is_shared_out=True)
    one_word = torch.ones(1, 1, dtype=torch.bool)
    share, of_frames, pointing, count = _measure(full, shared_out, one_word, inside, torch.ones_like(inside)).tolist()
    assert (share, of_frames, pointing, count) == (pytest.approx(0.5), 0.75, 1.0, 1.0)


def play(monkeypatch, model, clips, similarity):
    """Let a model merge frames into `clips` at the upper levels, and play games of `similarity(words, clips)`."""

    def encode(mask, merged=None):
        mask, each = mask.bool(), torch.arange(mask.shape[1])
        levels = {}
        for level in LEVELS:
            members = each if merged is None or level == "entity" else torch.tensor(merged)
            there = mask if members is each else torch.ones(len(mask), max(merged) + 1, dtype=torch.bool)
            members = members.expand(mask.shape).masked_fill(~mask, -1)
            levels[level] = Players(TokenSequence(torch.zeros(*there.shape, 1), there, members), there.float())
        return Hierarchy(levels)

    def games(texts, videos):
        made = {}
        for level in LEVELS:
            words, shown = (side.levels[level].sequence.mask for side in (texts, videos))
            weights = [mask.float() / mask.sum(1, keepdim=True) for mask in (words, shown)]
            cosines = similarity(words.shape[1], shown.shape[1]).expand(len(words), -1, -1)
            made[level] = LateInteractionGame(cosines, *weights, words, shown, floor_at_zero=False)
        return made

    monkeypatch.setattr(model, "encode_texts", lambda ids, mask: encode(mask))
    monkeypatch.setattr(model, "encode_videos", lambda pixels, mask: encode(mask, clips))
    monkeypatch.setattr(model, "games", games)


@pytest.mark.parametrize(("frame", "inside"), [(0, True), (3, False)])
def test_inside_is_told_from_outside(matcher, frames, monkeypatch, frame, inside):
    """Every word interacts with one frame alone."""
    only_one = torch.eye(4)[frame]
    play(monkeypatch, matcher.model, [0, 1, 2, 3], lambda num_words, num_frames: only_one.expand(num_words, -1))
    for level in localization(matcher, EVIDENCE[:1], frames):
        assert level.num_words == 1
        assert level.share_of_frames == 50.0
        assert level.pointing == (100.0 if inside else 0.0)
        assert (level.share_inside > 70.0) == inside


def test_all_measures_say_the_same_of_a_level(matcher, frames, monkeypatch):
    """`hbi evaluate` and the comparison of methods measure the same exact interactions by one rule, merged or not."""
    clip_of_frame = [0, 1, 1, 2]
    cosines = torch.tensor([[0.6, 0.8, 0.2, 0.5], [0.6, 0.6, 0.3, 0.5], [0.6, 0.9, 0.5, 0.4]])
    play(monkeypatch, matcher.model, clip_of_frame, lambda words, shown: cosines[torch.arange(words) % 3, :shown])
    pairs = explained_pairs(Split("test", (), (), (), EVIDENCE), 5)
    chosen = [method for method in (*methods(2), *variants()) if method.name.startswith("banzhaf")]
    _, scores = explanation_scores(matcher, pairs, frames, chosen, num_curves=0)
    by_name = {score.method: score.pointing[0] for score in summary(chosen, scores)}
    for level in localization(matcher, EVIDENCE, frames):
        other = by_name["banzhaf" if level.level == "entity" else f"banzhaf-{level.level}"]
        assert other.num_words == level.num_words > 0
        assert other.share_inside == pytest.approx(level.share_inside, rel=1e-5)
        assert other.share_of_frames == pytest.approx(level.share_of_frames)
        assert 5 < level.share_inside < 95, "a share that another rule would change"


def test_the_levels_of_an_answer_are_added_by_their_weights(frames):
    """By hand from the games: shares of each merged token's interaction, times the level's weight, then what is > 0."""
    answerer = small_answerer(TEXTS, ("red", "star"))
    asked = Question(TEXTS[0], 0, (0,), "red", "color", 0, 0.0, 4.0)
    (together,) = (
        each for each in answer_evidence(answerer, [asked], frames) if (each.event, each.level) == (1, "all")
    )
    tokens, model = answerer.tokenize([TEXTS[0]]), answerer.model
    with torch.no_grad():
        texts = model.trunk.encode_texts(tokens.input_ids, tokens.attention_mask)
        videos = model.trunk.encode_videos(answerer.network_input(frames.pixels[:1]), frames.mask[:1])
        games = model.games(texts, videos)
    total = torch.zeros(tokens.input_ids.shape[1], 4)
    for level, weight in answerer.config.weight_of_level.items():
        words, shown = (side.levels[level].sequence.members[0] for side in (texts, videos))
        interactions = banzhaf_interactions(games[level])[0]
        for word, of_word in enumerate(words.tolist()):
            for frame, of_frame in enumerate(shown.tolist()):
                if of_word >= 0 and of_frame >= 0:
                    cells = (words == of_word).sum() * (shown == of_frame).sum()
                    total[word, frame] += weight * interactions[of_word, of_frame] / cells
    positive = total.clamp(min=0)
    assert together.share_inside == pytest.approx(100 * float(positive[:, :2].sum() / positive.sum()), rel=1e-4)
