"""ShapeStories as a question answering benchmark."""

from collections.abc import Sequence

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
    event = None if asked.event is None else story.events[asked.event]
    return Question(
        asked.text,
        asked.answer,
        asked.kind,
        row,
        asked.event,
        event and event.start_seconds,
        event and event.end_seconds,
    )
