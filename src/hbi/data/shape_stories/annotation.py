"""Everything that is known of a split's videos, without drawing them: events, captions, pairs, questions."""

from pathlib import Path

from hbi.data.shape_stories.captions import draw_caption, told_by
from hbi.data.shape_stories.plot import draw_plot, generator
from hbi.data.shape_stories.records import Caption, Split, Story
from hbi.data.shape_stories.sentences import Plan, write
from hbi.data.shape_stories.truth import SplitTruth
from hbi.data.shape_stories.world import World


def annotate_split(world: World, seed: int, split: Split, num_videos: int) -> list[Story]:
    """Return the stories of a split, with paths relative to the benchmark's folder."""
    plots = [draw_plot(world, seed, split, index) for index in range(num_videos)]
    truth = SplitTruth(tuple(plot.looks for plot in plots))
    video_ids = [f"{split}-{index:05d}" for index in range(num_videos)]
    stories = []
    for index, plot in enumerate(plots):
        rng = generator(seed, split, index, "captions")
        plans = [draw_caption(rng, world, plot.looks) for _ in range(world.captions_per_video)]
        stories.append(
            Story(
                video_id=video_ids[index],
                video=Path("videos") / split / f"{index:05d}.mp4",
                duration_seconds=plot.num_frames / world.frames_per_second,
                events=plot.events(world),
                captions=tuple(_caption(plan, truth, video_ids) for plan in plans),
                minimal_pairs=(),
                questions=(),
            )
        )
    return stories


def _caption(plan: Plan, truth: SplitTruth, video_ids: list[str]) -> Caption:
    text, mentions = write(plan)
    satisfied_by = tuple(video_ids[video] for video in truth.satisfying(told_by(plan.clauses)))
    return Caption(text, mentions, satisfied_by)
