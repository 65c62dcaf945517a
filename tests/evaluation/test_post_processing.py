import torch
from hypothesis import given
from hypothesis import strategies as st

from hbi.evaluation.post_processing import dual_softmax
from hbi.evaluation.ranks import best_over_captions, ranks


def test_a_candidate_that_everyone_likes_is_worth_less():
    # Both queries like candidate 0 best, and only the second likes nothing else: it gets candidate 0.
    similarity = torch.tensor([[0.50, 0.49], [0.60, 0.10]])
    assert similarity.argmax(1).tolist() == [0, 0]
    assert dual_softmax(similarity, 20.0).argmax(1).tolist() == [1, 0]


def test_hand_computed():
    similarity = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    share = torch.tensor(2.0).exp() / (1 + torch.tensor(2.0).exp())
    torch.testing.assert_close(dual_softmax(similarity, 1.0), torch.tensor([[0.0, 0.5], [2 * share, 0.5]]))


def test_captions_of_a_video_are_one_candidate():
    # Videos x captions; captions 0, 1 and 2 are those of video 0, 1 and 0.
    scores = torch.tensor([[0.1, 0.5, 0.9], [0.8, 0.2, 0.7]])
    owners = torch.tensor([0, 1, 0])
    relevance = owners[None, :] == torch.arange(2)[:, None]
    best, is_right = best_over_captions(scores, relevance, owners)
    torch.testing.assert_close(best, torch.tensor([[0.9, 0.5], [0.8, 0.2]]))
    assert is_right.tolist() == [[True, False], [False, True]]
    assert ranks(best, is_right).tolist() == [1.0, 2.0]
    assert ranks(scores, relevance).tolist() == [1.0, 3.0], "as sentences, two stand before it"


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_ranks_over_captions_are_those_of_a_plain_loop(seed, num_videos, most_captions):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, most_captions + 1, (num_videos,), generator=generator)
    owners = torch.arange(num_videos).repeat_interleave(counts)
    scores = torch.rand(num_videos, len(owners), generator=generator)
    relevance = owners[None, :] == torch.arange(num_videos)[:, None]
    expected = []
    for video in range(num_videos):
        best = [scores[video][owners == other].max() for other in range(num_videos)]
        expected.append(1.0 + sum(float(score > best[video]) for score in best))
    assert ranks(*best_over_captions(scores, relevance, owners)).tolist() == expected
