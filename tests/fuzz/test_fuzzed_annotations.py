"""Damaged annotation files end in one line, or give texts and times that they do say: never something made up."""

import contextlib
import json
import math
import pickle
import pickletools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from data.annotation_forms import ANSWERS, CHOICES, FORMS, QUESTIONS, Files, put
from data.annotation_samples import write
from fuzz.campaign import damaged, try_many, with_odd_values
from hbi.cli.data_check import check as data_check
from hbi.data.answer_vocabulary import read_answers
from hbi.data.benchmark import SPLIT_NAMES, AnnotatedVideo
from hbi.data.benchmarks import find_benchmark
from hbi.data.caption_records import clean
from hbi.data.choices import load_choices
from hbi.data.loading import load_split, read_annotations
from hbi.data.samples import DataError
from hbi.errors import HBIError
from hbi.evaluation.rank_files import RankedQuery, ranks_csv, read_ranks
from hbi.files.json_values import is_number
from hbi.files.plain_pickles import PickleError, parse_pickle

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

NUM_CASES = 150


def require_short(error: Exception) -> None:
    assert 0 < len(str(error)) < 10_000


@pytest.fixture
def place(tmp_path) -> Callable[[], Path]:
    """Gives the same folder again and again, empty."""

    def empty() -> Path:
        shutil.rmtree(tmp_path / "case", ignore_errors=True)
        (tmp_path / "case").mkdir()
        return tmp_path / "case"

    return empty


def hurt(chance: random.Random, folder: Path, files: Files) -> list[object]:
    """Write files of which one is damaged; give the values that all of them hold, where that is known."""
    put(folder, files)
    name = chance.choice([name for name in files if not name.endswith(".mp4")])
    path, content = folder / name, files[name]
    if isinstance(content, str) or chance.random() < 0.3:
        path.write_bytes(damaged(chance, path.read_bytes()))
        return []
    values = with_odd_values(chance, content)
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(values))
    elif path.suffix == ".jsonl" and isinstance(values, list):
        path.write_text("".join(json.dumps(line) + "\n" for line in values))
    else:
        write(path, json.dumps(values).encode())
    return [values, *(content for other, content in files.items() if other != name)]


def leaves(value: object) -> Iterator[object]:
    """All that is no list and no object in a value, the keys of objects included."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def require_text(text: object) -> None:
    assert isinstance(text, str)
    text.encode()
    assert "\0" not in text


def require_span(start: object, end: object) -> None:
    for seconds in (start, end):
        assert seconds is None or (type(seconds) is float and math.isfinite(seconds) and seconds >= 0)
    assert start is None or end is None or start <= end


def require_well_formed(videos: list[AnnotatedVideo]) -> None:
    assert len({video.video_id for video in videos}) == len(videos) > 0
    for video in videos:
        for name in (video.video_id, *video.aliases):
            require_text(name)
            assert name.strip()
        require_span(video.start_seconds, video.end_seconds)
        for caption in video.texts:
            require_text(caption.text)
            require_span(caption.start_seconds, caption.end_seconds)


def require_said(videos: list[AnnotatedVideo], values: list[object]) -> None:
    """Every caption and every time of the videos stands in the file as one."""
    said = list(leaves(values))
    texts = {clean(each) for each in said if isinstance(each, str)} | {""}
    numbers = {float(each) for each in said if is_number(each)}
    numbers |= {5.0 * each for each in numbers} | {5.0 * (each + 1) for each in numbers}
    for each in said:
        if isinstance(each, str) and each.strip().replace(".", "", 1).isdecimal():
            numbers.add(float(each))
    for video in videos:
        for caption in video.texts:
            assert caption.text in texts
            assert {caption.start_seconds, caption.end_seconds} <= numbers | {None}
        assert {video.start_seconds, video.end_seconds} <= numbers | {None}


def is_of_values(files: Files) -> bool:
    return not any(isinstance(content, str) for content in files.values()) and "raw-captions.pkl" not in files


def test_the_files_are_read_as_they_are(place):
    for name, files in FORMS:
        folder = place()
        put(folder, files)
        read = []
        for split in SPLIT_NAMES:
            with contextlib.suppress(DataError):  # most lack a split
                read += read_annotations(find_benchmark(name), None, split, folder)
        assert read, files
        if is_of_values(files):
            require_said(read, list(files.values()))
    for name, files in QUESTIONS:
        folder = place()
        put(folder, files)
        assert read_annotations(find_benchmark(name), None, "val", folder)


def test_captions(place, capsys):
    def check(chance: random.Random) -> None:
        folder = place()
        name, files = chance.choice(FORMS)
        values = hurt(chance, folder, files)
        for split in SPLIT_NAMES:
            try:
                read = list(read_annotations(find_benchmark(name), None, split, folder))
            except HBIError as error:
                require_short(error)
                continue
            require_well_formed(read)
            if values and is_of_values(files):
                require_said(read, values)
            try:
                load_split(find_benchmark(name), None, split, annotations=folder, videos=folder)
            except HBIError as error:
                require_short(error)
        report = folder.parent / "report.json"
        try:
            data_check(name, folder, json_file=report)
        except HBIError as error:
            require_short(error)
        except typer.Exit:
            json.loads(report.read_text())
        printed = capsys.readouterr().out
        assert not set(printed) & {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160))}

    try_many(check, NUM_CASES)


def test_pickles():
    """What is read is plain, and a tree: to walk it takes no longer than to read it."""
    codes = [code.code.encode("latin-1") for code in pickletools.opcodes]

    def check(chance: random.Random) -> None:
        words = {f"video{number}": [["a", "dog"], ["a", f"cat{number}"]] for number in range(4)}
        content = bytearray(pickle.dumps(words, chance.randrange(pickle.HIGHEST_PROTOCOL + 1)))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(content))
            content[place:place] = chance.choice([*codes, b"h\x02", b"g1\n"]) * chance.choice([1, 1, 1, 40])
        try:
            waiting = [parse_pickle(bytes(content))]
        except PickleError as error:
            require_short(error)
            return
        met = set[int]()
        while waiting:
            value = waiting.pop()
            assert type(value) in (dict, list, str)
            if not isinstance(value, str):
                assert id(value) not in met
                met.add(id(value))
                waiting += [*value, *value.values()] if isinstance(value, dict) else value

    try_many(check, 10 * NUM_CASES)


def test_questions(place):
    def check(chance: random.Random) -> None:
        folder = place()
        name, files = chance.choice(QUESTIONS)
        values = hurt(chance, folder, files)
        benchmark = find_benchmark(name)
        try:
            read = list(read_annotations(benchmark, None, "val", folder))
            load_split(benchmark, None, "val", annotations=folder, videos=None)
        except HBIError as error:
            require_short(error)
            return
        said = list(leaves(values))
        require_well_formed(read)
        for question in (question for video in read for question in video.texts):
            for text in (question.text, question.answer, question.kind):
                require_text(text)
                assert text.strip()
            if values and name != "tgif-qa":
                assert question.text in {clean(each) for each in said if isinstance(each, str)}
                assert question.answer in {clean(each.lower()) for each in said if isinstance(each, str)}
        with pytest.raises(DataError, match="holds none of"):
            load_split(benchmark, None, "val", annotations=folder, videos=folder)

    try_many(check, NUM_CASES)


def test_choices_answers_and_ranks(place):
    def choices(folder: Path) -> None:
        for choice in load_choices(folder, folder).choices:
            assert all(isinstance(option, str) for option in choice.options)
            assert type(choice.answer) is int
            assert choice.options[choice.answer] is not None

    def answers(folder: Path) -> None:
        (path,) = folder.glob("answers.*")
        for answer in read_answers(path).answers:
            require_text(answer)

    def ranks(folder: Path) -> None:
        for query in read_ranks(folder / "ranks.csv"):
            require_text(query.text)
            assert 1 <= query.rank < math.inf

    queries = ranks_csv([RankedQuery("v1", 2.5, 'a "red", ball\nfalls'), RankedQuery("v0", 1.0, "日本 🙂")])
    kinds = [
        ({"a_mc_test.json": CHOICES, "x.mp4": "x"}, choices),
        ({"a_mc_test.jsonl": CHOICES, "x.mp4": "x"}, choices),
        ({"answers.json": ANSWERS}, answers),
        ({"answers.json": list(ANSWERS)}, answers),
        ({"answers.txt": "one\ntwo\n"}, answers),
        ({"ranks.csv": queries}, ranks),
    ]

    def check(chance: random.Random) -> None:
        folder = place()
        files, read = chance.choice(kinds)
        hurt(chance, folder, files)
        try:
            read(folder)
        except HBIError as error:
            require_short(error)

    try_many(check, NUM_CASES)
