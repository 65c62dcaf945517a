"""The keys of a recipe, as the schema has them: what each means, takes and is by default; what others call them."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from pydantic import BaseModel

from hbi.errors import HBIError, did_you_mean
from hbi.experiments.schema import Recipe


@dataclass(frozen=True)
class RecipeKey:
    """A key of a recipe.

    Attributes:
        name: With its section: "training.lr".
        meaning: What it is.
        default: As YAML writes it; None: it has to be given.
        values: What it takes, in words.
    """

    name: str
    meaning: str
    default: str | None
    values: str

    def to_dict(self) -> dict[str, str | None]:
        """Return plain values for JSON."""
        return asdict(self)


@cache
def recipe_keys() -> tuple[RecipeKey, ...]:
    """Return all keys, section by section, in the order of the schema."""
    keys = []
    for section, field in Recipe.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        described = field.annotation.model_json_schema()
        for name, schema in described["properties"].items():
            default = None if name in described.get("required", ()) else _written(schema.get("default"))
            keys.append(RecipeKey(f"{section}.{name}", schema.get("description", ""), default, values_of(schema)))
    return tuple(keys)


def matching_keys(pattern: str | None) -> tuple[RecipeKey, ...]:
    """Return the keys that a pattern finds: by name, by what else they are called, or else by a word of their meaning.

    Args:
        pattern: A part of a name (lr), a pattern with * and ? (training.*_every), or a word; None: all keys.

    Raises:
        HBIError: It finds none.
    """
    if pattern is None:
        return recipe_keys()
    wanted = _plain(pattern)
    if any(sign in wanted for sign in "*?["):
        found = [key for key in recipe_keys() if _fits(key, wanted)]
    else:
        found = [key for key in recipe_keys() if wanted in key.name]
        found += [key for key in recipe_keys() if key.name in SYNONYMS.get(_last(wanted), ()) and key not in found]
        found = found or [key for key in recipe_keys() if pattern.strip().lower() in key.meaning.lower()]
    if not found:
        near = did_you_mean(pattern, [_last(key.name) for key in recipe_keys()])
        raise HBIError(f"no key of a recipe is called or means {pattern!r}{near or '; hbi recipe keys lists them all'}")
    return tuple(found)


def keys_markdown(keys: Sequence[RecipeKey]) -> str:
    """Return keys as Markdown: a table for each section."""
    lines: list[str] = []
    for section in dict.fromkeys(key.name.partition(".")[0] for key in keys):
        lines += [f"### {section}", "", "| key | meaning | default | takes |", "| --- | --- | --- | --- |"]
        for key in keys:
            if key.name.startswith(f"{section}."):
                default = "must be given" if key.default is None else f"`{key.default}`"
                meaning = key.meaning.replace("|", r"\|")
                lines.append(f"| `{_last(key.name)}` | {meaning} | {default} | {key.values} |")
        lines.append("")
    return "\n".join(lines)


def nearest_key(place: Sequence[str], names: Iterable[str]) -> str:
    """Return the end of an error message on an unknown key: the key that was meant, or where all are listed.

    A key of that very name in another section comes first, then what others call a key, then the nearest spelling.

    Args:
        place: The key, with its sections.
        names: What its section does have.

    >>> nearest_key(["training", "learning_rate"], ["num_steps", "lr"])
    ": did you mean 'lr'?"
    >>> nearest_key(["model", "batch"], ["kind"])
    ": did you mean 'training.batch_size'?"
    """
    section, last = ".".join(place[:-1]), _plain(place[-1])
    if not section and last in SECTION_SYNONYMS:
        return f": did you mean {SECTION_SYNONYMS[last]!r}?"
    there, all_keys = list(names), [key.name for key in recipe_keys()]
    meant = [key for key in all_keys if _last(key) == last]
    meant += [key for key in SYNONYMS.get(last, ()) if key in all_keys]
    if meant:
        own = [key for key in meant if key.rpartition(".")[0] == section]
        return f": did you mean {_last(own[0]) if own else meant[0]!r}?"
    return did_you_mean(place[-1], there) or "; hbi recipe keys lists them all"


def values_of(schema: Mapping[str, Any]) -> str:
    """Return in words what a value of a JSON schema may be.

    >>> values_of({"type": "integer", "exclusiveMinimum": 0, "maximum": 1000})
    'a whole number from 1 to 1,000'
    >>> values_of({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"type": "null"}]})
    'a number above 0, below 1, or null'
    """
    if "anyOf" in schema:
        kinds = [values_of(kind) for kind in schema["anyOf"] if kind.get("type") != "null"]
        return ", or ".join(kinds + ["null"] * (len(kinds) < len(schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    match schema.get("type"):
        case "boolean":
            return "true, false"
        case "integer":
            return f"a whole number{_bounds(schema, is_whole=True)}"
        case "number":
            return f"a number{_bounds(schema, is_whole=False)}"
        case "array":
            return _list_of(schema)
        case "object":
            return "values by name"
    return "a text"


def _list_of(schema: Mapping[str, Any]) -> str:
    items = schema.get("items") or schema["prefixItems"][0]
    least = schema.get("minItems", len(schema.get("prefixItems", ())))
    most = schema.get("maxItems", len(schema.get("prefixItems", ())) or None)
    number = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
    return f"a list of {number}: {values_of(items)}"


def _bounds(schema: Mapping[str, Any], *, is_whole: bool) -> str:
    low, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    high, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    if is_whole:  # no number lies between: above 0 is from 1
        low, above = max(low, above + 1), -math.inf
        high, below = min(high, below - 1), math.inf
    parts = [
        f" above {_number(above)}," if above >= low and above > -math.inf else "",
        f" from {_number(low)}" if low > above else "",
        f" below {_number(below)}" if below <= high and below < math.inf else "",
        f" to {_number(high)}" if high < below else "",
        f", a multiple of {schema['multipleOf']}" if "multipleOf" in schema else "",
    ]
    return "".join(parts)


def _number(value: float) -> str:
    return f"{int(value):,}" if int(value) == value else f"{value:g}"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def _fits(key: RecipeKey, pattern: str) -> bool:
    return fnmatchcase(key.name, pattern) or fnmatchcase(_last(key.name), pattern)


SECTION_SYNONYMS = {
    "optim": "training",
    "optimization": "training",
    "trainer": "training",
    "train": "training",
    "schedule": "training",
    "network": "model",
    "net": "model",
    "loss": "objective",
    "losses": "objective",
    "datasets": "data",
}
"""What others call a section."""

_CALLED = {
    "training.lr": "learning_rate learningrate max_lr base_lr peak_lr coef_lr",
    "training.encoder_lr": "clip_lr backbone_lr tower_lr towers_lr encoder_learning_rate lr_encoder",
    "training.num_steps": "steps max_steps total_steps iterations iters num_iterations max_iters train_steps",
    "training.epochs": "num_epochs max_epochs num_train_epochs n_epochs",
    "training.batch_size": "batch bs batchsize train_batch_size per_device_train_batch_size",
    "training.micro_batch_size": "gradient_accumulation gradient_accumulation_steps grad_accum accumulate "
    "accumulation_steps chunk_size minibatch mini_batch_size microbatch",
    "training.warmup_steps": "warmup warm_up num_warmup_steps warmup_ratio warmup_proportion",
    "training.weight_decay": "wd decay l2 regularization",
    "training.max_gradient_norm": "grad_clip clip_grad gradient_clip gradient_clipping clip_norm max_grad_norm "
    "grad_norm",
    "training.precision": "amp fp16 bf16 fp32 half mixed_precision dtype",
    "training.optimizer": "optim opt adam adamw muon",
    "training.activation_checkpointing": "gradient_checkpointing grad_checkpointing checkpointing recompute",
    "training.freeze_towers": "freeze frozen freeze_clip freeze_backbone freeze_encoder linear_probe",
    "training.shard": "fsdp zero deepspeed sharding",
    "training.log_every": "n_display logging_steps log_steps print_freq log_interval log_freq",
    "training.validate_every": "eval_every eval_steps val_every eval_interval evaluate_every validation_every",
    "training.checkpoint_every": "save_every save_steps ckpt_every save_interval checkpoint_steps",
    "training.seed": "random_seed manual_seed rng",
    "data.num_frames": "frames max_frames num_segments clip_length video_frames frame_count",
    "data.frames_per_position": "frame_jitter num_candidates",
    "data.image_size": "resolution res img_size image_resolution crop_size input_size",
    "data.max_words": "max_len max_length context_length max_tokens seq_len sequence_length text_length",
    "data.root": "data_path data_dir path dir folder data_root directory",
    "data.annotations": "annotation captions_file csv data_csv labels annotation_file anno_path",
    "data.videos": "video_path videos_path video_dir features_path video_folder",
    "data.frames": "packed packed_frames frames_path frame_dir",
    "data.protocol": "split_name split splits",
    "model.encoder": "clip backbone pretrained pretrained_clip_name pretrained_model init init_model start weights",
    "model.kind": "type name model_type arch architecture",
    "model.width": "dim hidden hidden_size hidden_dim embed_dim embedding_dim d_model",
    "model.heads": "num_heads n_heads attention_heads",
    "model.vision_layers": "layers depth num_layers num_hidden_layers image_layers visual_layers",
    "model.temporal_layers": "cross_num_hidden_layers sequence_layers",
    "model.merge_ratio": "sample_ratio cluster_ratio merging_ratio",
    "model.logit_scale": "temperature temp tau",
    "objective.alpha": "banzhaf banzhaf_weight interaction_weight",
    "objective.beta": "kl distillation distill self_distillation skd",
    "objective.changed_by": "criterion loss_fn loss_function custom_loss extra_loss hook plugin",
    "objective.num_samples": "num_coalitions coalitions",
}
SYNONYMS = {
    word: tuple(key for key, words in _CALLED.items() if word in words.split())
    for word in sorted({word for words in _CALLED.values() for word in words.split()})
}
"""The keys that other tools and papers call by a word, whose spelling is far from ours: `learning_rate` is `lr`."""
