import pytest

from hbi.encoders.tokenizer import tokenize, train_tokenizer


def test_every_training_learns_the_same_merges():
    # Many pairs of these letters are equally frequent; where the library numbers the letters, each time differs.
    corpus = [first + second + third for first in "abcdef" for second in "ghijkl" for third in "mnop"]
    trained = [train_tokenizer(corpus, num_merges=40).backend_tokenizer.to_str() for _ in range(6)]
    assert len(set(trained)) == 1


def test_frequent_words_become_whole_and_others_stay_in_pieces():
    tokenizer = train_tokenizer(["a red ball, a red box"] * 3, num_merges=100)
    assert [tokenizer.decode([index]) for index in tokenize(tokenizer, ["red ball"], 10).input_ids[0]][1:-1] == [
        "red",
        "ball",
    ]
    assert tokenize(tokenizer, ["label"], 10).input_ids.shape[1] > 3


@pytest.mark.parametrize("text", ["🙂 ok", "Ω мир", "naïve\tcafé"])
def test_no_text_meets_an_unknown_symbol(text):
    tokenizer = train_tokenizer(["a red ball"], num_merges=10)
    words = tokenize(tokenizer, [text], 77)
    pieces = [text[start:end] for start, end in words.spans[0].tolist()]
    assert set("".join(text.split())) <= set("".join(pieces))


def test_tokens_know_their_characters():
    text = "A red circle, 日本 🙂"
    tokenizer = train_tokenizer(["a red circle spins"])
    tokenized = tokenize(tokenizer, [text, ""], 32)
    words = [text[start:end] for start, end in tokenized.spans[0].tolist() if end > start]
    assert words[:3] == ["A", "red", "circle"]
    assert tokenized.input_ids[1, :2].tolist() == [tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert tokenized.attention_mask[1].sum() == 2
    cut = tokenize(tokenizer, ["red " * 50], 10)
    assert cut.input_ids.shape == (1, 10)
