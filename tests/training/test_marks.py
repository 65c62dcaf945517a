import torch

from hbi.encoders.tokenizer import tokenize, train_tokenizer
from hbi.training.distributed import ALONE
from hbi.training.marks import Marks, followed_by_copies, function_words_of, shifted

CAPTIONS = ["The red circle spins, and it falls.", "a star", "there it is"]


def test_rows_are_followed_by_their_copies():
    copied = followed_by_copies(torch.tensor([True, False, True]))
    assert copied.source.tolist() == [0, 0, 1, 2, 2]
    assert copied.is_copy.tolist() == [False, True, False, False, True]
    assert copied.place.tolist() == [0, 2, 3]
    assert copied.original.tolist() == [-1, 0, -1, -1, 3]
    nothing = followed_by_copies(torch.zeros(2, dtype=torch.bool))
    assert nothing.source.tolist() == [0, 1]
    assert nothing.original.tolist() == [-1, -1]


def test_function_words_are_those_that_a_first_view_folds():
    tokenizer = train_tokenizer(CAPTIONS * 4, num_merges=100)
    tokenized = tokenize(tokenizer, CAPTIONS, 16)
    found = function_words_of(CAPTIONS, tokenized.spans)
    assert found.shape == tokenized.input_ids.shape
    for caption, spans, row, folded in zip(
        CAPTIONS, tokenized.spans.tolist(), found, ({"The", ",", "and", "it", "."}, {"a"}, set()), strict=True
    ):
        # A token is a part of a word: whole words are marked, special tokens and padding never.
        marked = {
            place for (start, end), is_one in zip(spans, row, strict=True) if is_one for place in range(start, end)
        }
        expected = {place for word in folded for place in range(caption.index(word), caption.index(word) + len(word))}
        assert marked == expected
        assert not any(row[place] for place, (start, end) in enumerate(spans) if start == end)


def test_marks_of_a_process_stand_behind_those_before_it():
    marks = Marks(torch.tensor([-1, 0]), torch.tensor([-1, 0, -1]), torch.tensor([True, False]))
    assert marks.has_wrong_rows
    assert not Marks(torch.tensor([-1]), torch.tensor([-1]), torch.tensor([True])).has_wrong_rows
    gathered = marks.gather(ALONE, slice(4, 6), slice(3, 6))
    assert gathered.true_text.tolist() == [-1, 4]
    assert gathered.true_video.tolist() == [-1, 3, -1]
    assert gathered.function_words is None
    assert shifted(torch.tensor([-1, 2]), -2).tolist() == [-1, 0]
