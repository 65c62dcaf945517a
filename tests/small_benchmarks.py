"""Data sets laid out as those of the paper, under ids of their style, with a few small videos."""

from pathlib import Path

from data.annotation_samples import write
from data.made_up_msrvtt import TEST, TRAIN, write_msrvtt, write_video
from hbi.data.benchmark import SplitName
from small_encoders import small_encoder

QA_VIDEOS: dict[SplitName, tuple[str, ...]] = {"train": TRAIN[:6], "val": TRAIN[6:8], "test": TEST}
SMALL = {
    "data.num_frames": "3",
    "data.image_size": "32",
    "data.max_words": "12",
    "model.temporal_layers": "1",
    "model.merge_heads": "2",
    "model.head_channels": "4",
    "training.num_steps": "6",
    "training.batch_size": "4",
    "training.micro_batch_size": "2",
    "training.warmup_steps": "1",
    "training.precision": "fp32",
    "training.log_every": "1",
    "training.validate_every": "3",
    "training.checkpoint_every": "2",
}
"""Values of the paper's recipes for a network and a training of seconds."""


def settings(**changes: str) -> list[str]:
    """`--set` options of a small training; `data_num_frames="2"` stands for data.num_frames=2."""
    values = SMALL | {name.replace("_", ".", 1): value for name, value in changes.items()}
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def small_clip(folder: Path) -> Path:
    """A CLIP with random weights, pictures of 32 pixels and 16 words."""
    return small_encoder("clip", folder)


def small_msrvtt(root: Path) -> Path:
    """MSR-VTT with 10 + 4 videos; return its folder."""
    write_msrvtt(root)
    return root


def small_msrvtt_qa(root: Path) -> Path:
    """MSRVTT-QA with 6 + 2 + 4 videos and two questions about each; return its folder."""
    for name, videos in QA_VIDEOS.items():
        questions = [
            {"video_id": video, "question": f"{word} is it?", "answer": ("dog", "two", "cat")[(place + turn) % 3]}
            for place, video in enumerate(videos)
            for turn, word in enumerate(("what", "how many"))
        ]
        write(root / "annotations" / f"{name}.jsonl", questions)
        for video in videos:
            write_video(root / "videos" / f"{video}.mp4", seed=int(video.removeprefix("video")))
    return root
