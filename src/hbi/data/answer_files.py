"""Answer vocabularies in the forms in which they circulate."""

from pathlib import Path

from hbi.data.annotation_files import read_json, read_lines
from hbi.data.caption_records import text_of
from hbi.data.json_values import is_whole
from hbi.data.questions import AnswerVocabulary
from hbi.data.samples import DataError


def read_answers(path: Path) -> AnswerVocabulary:
    """Return the answers of a file: JSON {answer: number} or [answer, …], or a text with an answer a line.

    Raises:
        DataError: The file is none of these, or its numbers are not 0, 1, 2, ….
    """
    if path.suffix != ".json":
        return AnswerVocabulary(tuple(read_lines(path)))
    content = read_json(path)
    if isinstance(content, list):
        return AnswerVocabulary(tuple(text_of(str(path), "answer", answer) for answer in content))
    if not isinstance(content, dict) or not all(map(is_whole, content.values())):
        raise DataError(f"{path} should hold answers: {{answer: number}} or [answer, …]")
    for answer in content:
        text_of(str(path), "answer", answer)
    ordered = sorted(content, key=lambda answer: content[answer])
    numbers = [content[answer] for answer in ordered]
    if numbers != list(range(len(numbers))):
        wrong = next(place for place, number in enumerate(numbers) if place != number)
        raise DataError(f"{path}: the numbers of the answers should be 0, 1, 2, …; {ordered[wrong]!r} is out of line")
    return AnswerVocabulary(tuple(ordered))
