"""What ranking again changes: only the order among the candidates, as a slow sort has it; numbers of known ranks."""

import pytest
import torch

from hbi.data.samples import MomentQuery, Split, Text, Video
from hbi.evaluation.ranks import ranks
from hbi.evaluation.second_stage import reranked, second_stage_report
from hbi.matching.encoded_split import Candidates, EncodedSplit
from hbi.matching.second_stage import SecondStage
from hbi.models.cross_encoder import CrossEncoder, CrossEncoderSizes
from hbi.ops import TokenSequence


def test_the_order_is_that_of_a_slow_sort():
    torch.manual_seed(0)
    similarity, relevance = torch.randn(6, 9), torch.rand(6, 9) > 0.8
    relevance[:, 4] = True
    best = similarity.topk(4, dim=1)
    scores = 100 * torch.randn(6, 4)
    again = reranked(similarity, Candidates(best.indices, best.values), scores)
    for row in range(6):
        of_candidate = dict(zip(best.indices[row].tolist(), scores[row].tolist(), strict=True))
        others = [video for video in range(9) if video not in of_candidate]
        wanted = [*sorted(of_candidate, key=of_candidate.get, reverse=True)]
        wanted += sorted(others, key=lambda video: -similarity[row, video])
        assert again[row].argsort(descending=True).tolist() == wanted
        first_right = min(place for place, video in enumerate(wanted) if relevance[row, video])
        wrong_before = sum(not relevance[row, video] for video in wanted[:first_right])
        assert ranks(again, relevance).expected[row] == 1 + wrong_before


def test_all_videos_may_be_candidates():
    similarity = torch.tensor([[0.3, 0.2]])
    again = reranked(similarity, Candidates(torch.tensor([[0, 1]]), similarity), torch.tensor([[-5.0, 5.0]]))
    assert again[0].argmax() == 1


class Oracle(CrossEncoder):
    """Adds what the first number of a text's token times that of the video's token says."""

    def corrections(self, words, frames):
        return words.tokens[:, 0, 0].float() * frames.tokens[:, 0, 0].float()


def tokens(values) -> TokenSequence:
    return TokenSequence.unmerged(torch.tensor(values)[:, None, None].half(), torch.ones(len(values), 1).bool())


@pytest.fixture
def report():
    videos = tuple(Video(f"{row}", None) for row in range(60))
    texts = (Text("a", 0, (0,)), Text("b", 1, (1,)), Text("c", 2, (2,)), Text("d", 59, (59,)))
    moments = (MomentQuery("a", 0, (), 1), MomentQuery("b", 1, (), 1), MomentQuery("c", 2, (), 2))
    similarity = torch.linspace(0.9, 0.1, 60).repeat(4, 1)  # video 0 first, whatever the text
    relevance = torch.zeros(4, 60, dtype=torch.bool)
    for row, text in enumerate(texts):
        relevance[row, text.video] = True
    values = torch.linspace(0.0, 1.0, 60).tolist()  # the correction prefers late videos: of 50, the last
    encoded = EncodedSplit(tokens([0.0, -5.0, 0.0, 5.0]), tokens(values), similarity, relevance)
    second = SecondStage(Oracle(CrossEncoderSizes(1, 4, 1)).eval(), "an oracle")
    return second_stage_report(second, Split("test", videos, texts, moments=moments), encoded)


def test_ranks_before_and_after_are_those_of_the_known_orders(report):
    everything, one, two = report.groups
    assert [group.name for group in report.groups] == ["all", "1 event", "2 events"]
    # Before: ranks 1, 2, 3 and 60. After: the same, for video 59 is no candidate: the first stage leaves it out.
    assert everything.before.mean_rank == everything.after.mean_rank == 66 / 4
    assert (one.before.num_queries, two.before.num_queries) == (2, 1)
    assert (report.num_videos, report.num_reranked, report.reachable) == (60, 50, 75.0)
    assert everything.differences[0].p_value == 1.0
    assert report.milliseconds > 0
    values = report.to_dict()
    assert values["groups"][0]["before"]["recall@1"] == 25.0


def test_a_second_stage_that_knows_changes_what_is_found_first():
    similarity = torch.linspace(0.9, 0.1, 20).repeat(20, 1)
    relevance = torch.eye(20).bool()
    texts = tuple(Text(str(row), row, (row,)) for row in range(20))
    values = torch.linspace(-1, 1, 20)

    class Knows(CrossEncoder):
        def corrections(self, words, frames):
            return -100 * (words.tokens[:, 0, 0] - frames.tokens[:, 0, 0]).float().abs()

    second = SecondStage(Knows(CrossEncoderSizes(1, 4, 1)).eval(), "an oracle")
    encoded = EncodedSplit(tokens(values.tolist()), tokens(values.tolist()), similarity, relevance)
    split = Split("test", tuple(Video(f"{row}", None) for row in range(20)), texts)
    (everything,) = second_stage_report(second, split, encoded).groups
    assert (everything.before.recall_at_1, everything.after.recall_at_1) == (5.0, 100.0)
    assert everything.differences[0].p_value < 0.001
