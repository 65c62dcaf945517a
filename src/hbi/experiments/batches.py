"""The batches that a recipe trains on: of which videos and texts, and what is made of them for a step."""

from hbi.data.exchanged_captions import CaptionExchanger
from hbi.data.exchanged_frames import tells_order
from hbi.data.frames import KeptFrames
from hbi.data.samples import DataError, Split
from hbi.experiments.retrieval import Task
from hbi.experiments.schema import Recipe
from hbi.models import Processor
from hbi.training.augmentation import RandAugment
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import Processes
from hbi.training.dropped_words import DroppedWords
from hbi.training.wrong_rows import ExchangedCaptions, TurnedVideos


def training_batches(
    recipe: Recipe, task: Task, store: KeptFrames, processor: Processor, processes: Processes
) -> TrainingBatches:
    """Return the batches that the recipe trains on.

    Args:
        recipe: Says how large a batch is, and what it takes of each video.
        task: What is learned from which texts.
        store: Frames, or features, of the training videos.
        processor: Tokenizes the texts.
        processes: The processes that share each batch.
    """
    return TrainingBatches(
        task.texts,
        store,
        processor.tokenize,
        batch_size=recipe.training.batch_size,
        captions_per_video=recipe.training.captions_per_video,
        num_frames=recipe.data.num_frames,
        seed=recipe.training.seed,
        processes=processes,
        labels=task.labels,
        captions_beside_questions=recipe.data.captions,
        dropped_words=dropped_words(recipe),
        exchanged=exchanged_captions(recipe, task.texts),
        turned=turned_videos(recipe, task.texts),
        adds_words=recipe.tells_words,
        finds_function_words=bool(recipe.objective.concentration or recipe.objective.function_words),
        augment=augmentation(recipe),
    )


def augmentation(recipe: Recipe) -> RandAugment | None:
    """Return what changes the frames of training videos as the recipe wants it; None where it does not."""
    training = recipe.training
    if not training.augment_operations or recipe.data.blank:  # a black frame tells nothing, and should not begin to
        return None
    return RandAugment(training.augment_operations, training.augment_magnitude, training.augment_deviation)


def dropped_words(recipe: Recipe) -> DroppedWords | None:
    """Return what shortens captions as the recipe wants it; None where it does not."""
    training = recipe.training
    return DroppedWords(training.dropped_words, training.shortened_captions) if training.dropped_words else None


def exchanged_captions(recipe: Recipe, train: Split) -> ExchangedCaptions | None:
    """Return what makes captions wrong as the recipe wants it; None where it does not.

    Raises:
        DataError: No caption of the training split has a word that could be exchanged, or tells an order.
    """
    objective = recipe.objective
    if not objective.exchanged:
        return None
    captions = [[train.texts[text].text for text in owned] for owned in train.texts_of_video]
    exchanger = CaptionExchanger.of(captions)
    if not any(exchanger.exchanges(caption) for owned in captions for caption in owned):
        raise DataError("objective.exchanged: no caption of the training split can be exchanged; leave it out")
    return ExchangedCaptions(exchanger, objective.exchanged_share, objective.exchanged_from)


def turned_videos(recipe: Recipe, train: Split) -> TurnedVideos | None:
    """Return how videos are turned in time as the recipe wants it; None where it does not.

    Raises:
        DataError: No caption of the training split tells an order.
    """
    objective = recipe.objective
    if not objective.turned:
        return None
    if not any(tells_order(text.text) for text in train.texts):
        raise DataError("objective.turned: no caption of the training split tells what comes first; leave it out")
    return TurnedVideos(objective.turned_share, objective.turned_parts, objective.turned_from)
