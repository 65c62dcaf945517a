"""ShapeStories as a text-video retrieval benchmark."""

from collections.abc import Iterator, Sequence

from hbi.data.samples import Evidence, MinimalPair, RetrievalSplit, Text, Video
from hbi.data.shape_stories.records import Story


def retrieval_split(name: str, stories: Sequence[Story]) -> RetrievalSplit:
    """Return the videos and captions of a split; every video that satisfies a caption counts as right for it."""
    index = {story.video_id: row for row, story in enumerate(stories)}
    return RetrievalSplit(
        name,
        videos=tuple(Video(story.video_id, story.video) for story in stories),
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
    )


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
