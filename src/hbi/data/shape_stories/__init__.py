"""ShapeStories: short films of colored shapes, with captions, minimal pairs, questions and the whole truth."""

from hbi.data.shape_stories.folder import ShapeStoriesError
from hbi.data.shape_stories.generation import generate_shape_stories
from hbi.data.shape_stories.loading import load_stories
from hbi.data.shape_stories.records import Caption, Event, Mention, MinimalPair, Question, Story
from hbi.data.shape_stories.world import World

__all__ = [
    "Caption",
    "Event",
    "Mention",
    "MinimalPair",
    "Question",
    "ShapeStoriesError",
    "Story",
    "World",
    "generate_shape_stories",
    "load_stories",
]
