"""ShapeStories: short films of colored shapes, with captions, minimal pairs, questions and the whole truth."""

from hbi.shape_stories.folder import ShapeStoriesError
from hbi.shape_stories.generation import generate_shape_stories
from hbi.shape_stories.records import Caption, Event, Mention, MinimalPair, Question, Story
from hbi.shape_stories.story_files import load_stories
from hbi.shape_stories.world import World

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
