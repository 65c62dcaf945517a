"""ShapeStories as a question answering benchmark."""

from collections.abc import Sequence
from dataclasses import replace

from hbi.data.questions import AnswerVocabulary, Question, QuestionSplit
from hbi.data.samples import Video
from hbi.data.shape_stories.questions import ANSWERS
from hbi.data.shape_stories.records import Story

VOCABULARY = AnswerVocabulary(ANSWERS)
"""All answers that there are: the world is closed."""


def question_split(name: str, stories: Sequence[Story]) -> QuestionSplit:
    """Return the videos and questions of a split, with the seconds of the event that holds the evidence."""
    return QuestionSplit(
        name,
        videos=tuple(Video(story.video_id, story.video) for story in stories),
        questions=tuple(
            _question(row, story, index) for row, story in enumerate(stories) for index in range(len(story.questions))
        ),
    )


def _question(row: int, story: Story, index: int) -> Question:
    asked = story.questions[index]
    question = Question(asked.text, asked.answer, asked.kind, row)
    if asked.event is None:
        return question
    event = story.events[asked.event]
    return replace(question, event=asked.event, start_seconds=event.start_seconds, end_seconds=event.end_seconds)
