"""Run folders and indexes as versions before wrote them, made from fresh ones."""

import json
from pathlib import Path

from hbi.files.checksums import FILE, add_checksums

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def give_earlier_form_of_run(run: Path) -> None:
    """The best weights in best/, the tokenizer in tokenizer/, each with checksums of its own; no model card."""
    _move(run, run / "best", ("config.json", "model.safetensors"))
    _move(run, run / "tokenizer", TOKENIZER)
    for name in ("processor_config.json", "README.md", FILE):
        (run / name).unlink(missing_ok=True)
    for folder in (run / "best", run / "last"):
        give_earlier_config(folder)
        add_checksums(folder)
    add_checksums(run / "tokenizer")


def give_earlier_form_of_index_model(folder: Path) -> None:
    """The model of an index: its tokenizer in a folder below, the kind of network and its frames told elsewhere."""
    _move(folder, folder / "tokenizer", TOKENIZER)
    for name in ("processor_config.json", FILE):
        (folder / name).unlink()
    give_earlier_config(folder)


def give_earlier_config(folder: Path) -> None:
    """A configuration that does not tell the number of frames, nor the global network from the other."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config.pop("num_frames")
    if config["model_type"] == "hbi-global":
        config["model_type"] = "hbi"
    file.write_text(json.dumps(config))


def _move(folder: Path, to: Path, names: tuple[str, ...]) -> None:
    to.mkdir()
    for name in names:
        (folder / name).rename(to / name)
