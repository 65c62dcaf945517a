"""Made-up annotations in every form in which those of the benchmarks circulate, and where the real ones lie."""

import json
import os
import pickle
from pathlib import Path

SHARED = Path(os.environ.get("HBI_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "annotations"


def write(path: Path, content: object) -> Path:
    """Write a text as it is, a pickle, JSON lines or JSON, by extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(content))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in content))
    elif path.suffix == ".json":
        path.write_text(json.dumps(content))
    else:
        path.write_text(str(content))
    return path


def msrvtt_data(*, splits: dict[str, str], captions_per_video: int = 2) -> dict[str, object]:
    """The form of MSRVTT_data.json."""
    return {
        "info": {"year": "2016"},
        "videos": [{"video_id": name, "split": split, "category": 3} for name, split in splits.items()],
        "sentences": [
            {"sen_id": number, "video_id": name, "caption": f"{name} does thing {number}"}
            for number in range(captions_per_video)
            for name in splits
        ],
    }


def lsmdc_line(clip: str, sentence: str) -> str:
    return "\t".join((clip, "00.00.51.926", "00.00.54.129", "00.00.51.426", "00.00.54.629", sentence)) + "\n"
