"""`hbi explain --worst`: the failures of an evaluation on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.data.samples import Video
    from hbi.explanation import Explained
    from hbi.recipes.runs import TrainedRun


def explain_failures(trained: "TrainedRun", count: int, split: Literal["train", "val", "test"], out: Path) -> None:
    """Rank the videos of a split for each of its texts, and explain the texts whose right video comes last.

    A failure is a text whose right video does not come first. Fewer than `count` are explained where there are fewer.
    """
    import torch

    from hbi.cli.explain import explain_with, explained
    from hbi.evaluation.ranks import ranks
    from hbi.evaluation.similarity import similarity_matrix
    from hbi.explanation import Failure, failures_page, write_page
    from hbi.explanation.player import Videos
    from hbi.recipes.splits import decode_split

    with progress_bar("decoding videos") as progress:
        decoded = decode_split(trained.recipe, split, progress)
    texts = [text.text for text in decoded.split.texts]
    with progress_bar("comparing texts") as progress:
        similarity = similarity_matrix(trained.model, trained.tokenizer, texts, decoded.bank, progress=progress)
    relevance = decoded.split.relevance
    text_ranks = ranks(similarity, relevance)
    worst = [index for index in text_ranks.argsort(descending=True, stable=True).tolist() if text_ranks[index] > 1]
    if not worst:
        every = f"every one of the {len(texts)} texts of the split {split}"
        say("{every} found its video first: no failures", every=every)
        return

    addresses = Videos(page=out)

    def explain(index: int, video: "Video") -> "Explained":
        span = {"start": video.start_seconds, "end": video.end_seconds}
        return explained(explain_with(trained, video.path, texts[index], **span), video.path, addresses)

    failures, chosen = [], worst[:count]
    with progress_bar("explaining failures") as progress:
        for number, index in enumerate(chosen, start=1):
            right = int(similarity[index].masked_fill(~relevance[index], -torch.inf).argmax())
            found = int(similarity[index].masked_fill(relevance[index], -torch.inf).argmax())
            instead, wanted = (explain(index, decoded.split.videos[video]) for video in (found, right))
            failures.append(Failure(instead, wanted, float(text_ranks[index])))
            progress(number, len(chosen))
    title = f"{trained.name} on {split}: {len(chosen)} worst of {len(worst)} failures among {len(texts)} texts"
    write_page(failures_page(failures, title), out)
    counts = f"{len(worst)} of {len(texts)} texts do not find their video first; {len(chosen)}"
    say("{counts} written to {out}", counts=counts, out=out)
