"""A run of an earlier version that is resumed becomes a model folder of today."""

from transformers import AutoModel, AutoProcessor

from earlier_folders import give_earlier_form_of_run
from hbi.experiments.network import build_model
from hbi.experiments.reading import recipe_yaml
from hbi.experiments.runs import claim_folder, keep_processor, keep_tokenizer
from hbi.matching import load
from hbi.training.distributed import ALONE
from training.tiny import recipe_of, run_folder


def test_what_a_resumed_run_of_before_kept_is_at_its_top(tmp_path):
    run, recipe = run_folder(tmp_path / "run"), recipe_of("hbi")
    fingerprint = load(run, device="cpu").fingerprint
    give_earlier_form_of_run(run)
    (run / "recipe.yaml").write_text(recipe_yaml(recipe))
    folder = claim_folder(run, recipe, resume=True, processes=ALONE)
    tokenizer = keep_tokenizer(folder, recipe, None, ALONE)
    keep_processor(folder, recipe, build_model(recipe, tokenizer), tokenizer, ALONE)
    assert not (run / "best").exists()
    assert load(run, device="cpu").fingerprint == fingerprint
    assert AutoModel.from_pretrained(run).config.num_frames == recipe.data.num_frames
    assert AutoProcessor.from_pretrained(run).max_words == recipe.data.max_words
