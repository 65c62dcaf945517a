"""ShapeStories as a text-video retrieval benchmark."""

from collections.abc import Sequence

from hbi.data.samples import RetrievalSplit, Text, Video
from hbi.data.shape_stories.records import Story


def retrieval_split(name: str, stories: Sequence[Story]) -> RetrievalSplit:
    """Return the videos and captions of a split; every video that satisfies a caption counts as right for it."""
    index = {story.video_id: row for row, story in enumerate(stories)}
    return RetrievalSplit(
        name,
        tuple(Video(story.video_id, story.video) for story in stories),
        tuple(
            Text(caption.text, row, tuple(index[video_id] for video_id in caption.satisfied_by))
            for row, story in enumerate(stories)
            for caption in story.captions
        ),
    )
