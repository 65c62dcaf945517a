"""One tokenizer serves several threads: what one asks for does not hold for the texts of another."""

import threading

from hbi.encoders.tokenizer import ids_of_words, tokenize, train_tokenizer

TEXTS = ["a red circle slides left", "a star", "then a blue square spins, and after that a red circle falls"]


def test_texts_are_padded_while_other_threads_look_words_up():
    tokenizer = train_tokenizer(TEXTS, num_merges=50)
    expected, ids = tokenize(tokenizer, TEXTS, 12), ids_of_words(tokenizer, ["red", "star"])
    wrong: list[object] = []
    is_over = threading.Event()

    def look_up() -> None:
        while not is_over.is_set():
            if ids_of_words(tokenizer, ["red", "star"]) != ids:
                wrong.append("words")

    others = [threading.Thread(target=look_up) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        for _ in range(300):
            found = tokenize(tokenizer, TEXTS, 12)
            assert found.input_ids.equal(expected.input_ids)
    finally:
        is_over.set()
        for thread in others:
            thread.join()
    assert not wrong


def test_no_words_have_no_ids():
    assert ids_of_words(train_tokenizer(TEXTS, num_merges=10), []) == []
