"""ShapeStories as a question answering benchmark."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hbi.data.questions import AnswerVocabulary, Question, QuestionSplit
from hbi.data.samples import Video
from hbi.data.shape_stories.questions import ANSWERS, draw_questions
from hbi.data.shape_stories.records import Question as Asked
from hbi.data.shape_stories.records import Story
from hbi.data.shape_stories.world import Look

VOCABULARY = AnswerVocabulary(ANSWERS)
"""All answers that there are: the world is closed."""


def question_split(name: str, stories: Sequence[Story], *, draws: int = 1) -> QuestionSplit:
    """Return the videos and questions of a split, with the seconds of the event that holds the evidence.

    With more than one draw, further questions of each kind are drawn about each video, the same ones every time.
    """
    return QuestionSplit(
        name,
        videos=tuple(Video(story.video_id, story.video) for story in stories),
        questions=tuple(
            _question(row, story, asked) for row, story in enumerate(stories) for asked in _asked(row, story, draws)
        ),
    )


def _asked(row: int, story: Story, draws: int) -> Iterator[Asked]:
    yield from story.questions
    random = np.random.default_rng((draws, row))
    looks = [Look(event.color, event.shape, event.action) for event in story.events]
    for _ in range(draws - 1):
        yield from draw_questions(random, looks)


def _question(row: int, story: Story, asked: Asked) -> Question:
    question = Question(asked.text, asked.answer, asked.kind, row)
    if asked.event is None:
        return question
    event = story.events[asked.event]
    return replace(question, event=asked.event, start_seconds=event.start_seconds, end_seconds=event.end_seconds)
