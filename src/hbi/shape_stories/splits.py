"""ShapeStories as the splits of a benchmark: of captions to search with, or of questions to answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hbi.data.answer_vocabulary import AnswerVocabulary
from hbi.data.samples import Evidence, MinimalPair, MomentQuery, Question, Split, Text, Video
from hbi.shape_stories.questions import ANSWERS, draw_questions
from hbi.shape_stories.records import Question as Asked
from hbi.shape_stories.records import Story
from hbi.shape_stories.world import Look

VOCABULARY = AnswerVocabulary(ANSWERS)
"""All answers that there are: the world is closed."""


def retrieval_split(name: str, stories: Sequence[Story]) -> Split:
    """Return the videos and captions of a split; every video that satisfies a caption counts as right for it."""
    index = {story.video_id: row for row, story in enumerate(stories)}
    return Split(
        name,
        videos=_videos(stories),
        texts=tuple(
            Text(caption.text, row, tuple(index[video_id] for video_id in caption.satisfied_by))
            for row, story in enumerate(stories)
            for caption in story.captions
        ),
        minimal_pairs=tuple(
            MinimalPair(pair.kind, row, story.captions[pair.caption].text, pair.text)
            for row, story in enumerate(stories)
            for pair in story.minimal_pairs
        ),
        evidence=tuple(evidence for row, story in enumerate(stories) for evidence in _evidence(row, story)),
        moments=tuple(moment for row, story in enumerate(stories) for moment in _moments(row, story)),
    )


def question_split(name: str, stories: Sequence[Story], *, draws: int = 1) -> Split:
    """Return the videos and questions of a split, with the seconds of the event that holds the evidence.

    Args:
        name: Of the split.
        stories: Its videos with what is known of them, in order.
        draws: How many times questions of each kind are drawn about a video; the first time they are those of the
            annotations, further ones are the same in every run.
    """
    return Split(
        name,
        videos=_videos(stories),
        texts=tuple(
            _question(row, story, asked) for row, story in enumerate(stories) for asked in _asked(row, story, draws)
        ),
    )


def _videos(stories: Sequence[Story]) -> tuple[Video, ...]:
    return tuple(Video(story.video_id, story.video) for story in stories)


def _evidence(row: int, story: Story) -> Iterator[Evidence]:
    """Yield the words of the first caption that name something of an event, with the seconds of that event."""
    if story.captions:
        caption = story.captions[0]
        for mention in caption.mentions:
            event = story.events[mention.event]
            yield Evidence(
                caption.text,
                mention.start,
                mention.end,
                row,
                event.start_seconds,
                event.end_seconds,
                story.duration_seconds,
            )


def _moments(row: int, story: Story) -> Iterator[MomentQuery]:
    """Yield each caption with its moment: from the start of the first event that it tells to the end of the last."""
    for caption in story.captions:
        told = sorted(caption.told_events)
        if told:
            span = story.events[told[0]].start_seconds, story.events[told[-1]].end_seconds
            yield MomentQuery(caption.text, row, (span,), len(told), story.duration_seconds)


def _asked(row: int, story: Story, draws: int) -> Iterator[Asked]:
    yield from story.questions
    random = np.random.default_rng((draws, row))
    looks = [Look(event.color, event.shape, event.action) for event in story.events]
    for _ in range(draws - 1):
        yield from draw_questions(random, looks)


def _question(row: int, story: Story, asked: Asked) -> Question:
    question = Question(asked.text, row, (row,), asked.answer, asked.kind)
    if asked.event is None:
        return question
    event = story.events[asked.event]
    return replace(question, event=asked.event, start_seconds=event.start_seconds, end_seconds=event.end_seconds)
