"""Everything that is known of a split's videos, without drawing them: events, captions, pairs, questions."""

from hbi.shape_stories.captions import draw_captions, told_by
from hbi.shape_stories.folder import video_path
from hbi.shape_stories.minimal_pairs import draw_minimal_pairs
from hbi.shape_stories.plot import Purpose, draw_plot, generator
from hbi.shape_stories.questions import draw_questions
from hbi.shape_stories.records import Caption, Split, Story
from hbi.shape_stories.sentences import Plan, write
from hbi.shape_stories.truth import SplitTruth
from hbi.shape_stories.world import World

TEXT_PURPOSES: tuple[Purpose, ...] = ("captions", "minimal pairs", "questions")


def annotate_split(world: World, seed: int, split: Split, num_videos: int) -> list[Story]:
    """Return the stories of a split, with paths from the benchmark's folder.

    Args:
        world: The numbers that decide how hard the benchmark is.
        seed: Of the whole benchmark.
        split: "train", "val" or "test".
        num_videos: How many videos the split has.
    """
    plots = [draw_plot(world, seed, split, index) for index in range(num_videos)]
    truth = SplitTruth(tuple(plot.looks for plot in plots))
    video_ids = [f"{split}-{index:05d}" for index in range(num_videos)]
    stories = []
    for index, plot in enumerate(plots):
        caption_rng, pair_rng, question_rng = (generator(seed, split, index, purpose) for purpose in TEXT_PURPOSES)
        plans = draw_captions(caption_rng, world, plot.looks)
        stories.append(
            Story(
                video_id=video_ids[index],
                video=video_path(split, index),
                duration_seconds=plot.num_frames / world.frames_per_second,
                events=plot.events(world),
                captions=tuple(_caption(plan, truth, video_ids) for plan in plans),
                minimal_pairs=() if split == "train" else draw_minimal_pairs(pair_rng, plot.looks, plans),
                questions=draw_questions(question_rng, plot.looks),
            )
        )
    return stories


def _caption(plan: Plan, truth: SplitTruth, video_ids: list[str]) -> Caption:
    """Return the plan's text with all videos of the split that it is true of."""
    text, mentions = write(plan)
    satisfied_by = tuple(video_ids[video] for video in truth.satisfying(told_by(plan.clauses)))
    return Caption(text, mentions, satisfied_by)
