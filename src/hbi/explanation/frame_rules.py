"""The style of a section's frames: every picture once, and as wide in the timeline as the seconds it stands for."""

from collections.abc import Sequence

from hbi.explanation.explanation import Frame
from hbi.explanation.thumbnail import encode_jpeg


def frame_rules(frames: Sequence[Frame], anchor: str) -> str:
    """The rules; tables and the tooltip show a picture by the class `<anchor>-t<index>`."""
    _, height, width = frames[0].thumbnail.shape
    rules = [f"#{anchor} .hbi-thumb{{aspect-ratio:{width}/{height};max-height:120px}}"]
    for index, frame in enumerate(frames):
        image = encode_jpeg(frame.thumbnail)
        seconds = frame.end_seconds - frame.start_seconds
        rules.append(f"#{anchor} .{anchor}-t{index}{{background-image:url(data:image/jpeg;base64,{image})}}")
        rules.append(f'#{anchor} .hbi-line>[data-frame="{index}"]{{flex-grow:{seconds:.4g}}}')
    return "\n".join(rules)
