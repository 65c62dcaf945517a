"""`load` sees from the files what a source is, opens folders of before, and says in one line what it cannot open."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoProcessor, BertConfig

import hbi
from hbi.encoders.preprocessing import CLIP_STD
from hbi.encoders.tokenizer import tokenize
from hbi.files.checksums import DamageError
from hbi.matching import Answerer, Matcher, SourceError, load, load_answerer, load_matcher
from hbi.models import GlobalConfig, GlobalContrastModel, HBIProcessor
from small_clips import write_clip
from small_networks import small_answering_model, small_model

TEXTS = ["a red circle moves left", "a blue square"]
QUESTIONS = ["what color is it?", "is it red?"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [write_clip(folder / f"{seed}.mp4", seconds=3, seed=seed) for seed in range(2)]


def opened(**options):
    model, tokenizer = small_model(TEXTS)
    return Matcher(model, HBIProcessor.for_model(model.config, tokenizer, **options), "small")


def opened_answerer():
    model, tokenizer = small_answering_model(QUESTIONS, ["red", "blue"])
    return Answerer(model, HBIProcessor.for_model(model.config, tokenizer), "small")


def as_a_run(folder):
    (folder / "recipe.yaml").write_text("model: {kind: hbi}\n")


def as_written_before(folder):
    """Move the files of a model folder to where runs of earlier versions have them."""
    processor = ("processor_config.json", "tokenizer.json", "tokenizer_config.json")
    for name, names in (("best", ("config.json", "model.safetensors")), ("tokenizer", processor[1:])):
        (folder / name).mkdir()
        for file in names:
            (folder / file).rename(folder / name / file)
    for file in ("SHA256SUMS", processor[0]):
        (folder / file).unlink()


def test_what_was_saved_scores_as_before(videos, tmp_path):
    matcher = opened()
    matcher.save_pretrained(tmp_path)
    again = load(tmp_path, device="cpu")
    assert isinstance(again, Matcher)
    assert (again.num_frames, again.picture.height, again.max_words) == (6, 16, 16)
    assert torch.equal(again.similarity(TEXTS, videos), matcher.similarity(TEXTS, videos))
    assert again.fingerprint == load(tmp_path, device="cpu").fingerprint
    again.similarity(TEXTS, videos)  # tokenizing leaves traces in the library's tokenizer
    again.save_pretrained(tmp_path / "copy")
    assert load(tmp_path / "copy", device="cpu").fingerprint == again.fingerprint


@torch.no_grad()
def test_auto_classes_open_the_folder_and_score_the_same(videos, tmp_path):
    matcher = opened()
    matcher.save_pretrained(tmp_path)
    model, processor = AutoModel.from_pretrained(tmp_path).eval(), AutoProcessor.from_pretrained(tmp_path)
    frames = [hbi.read_frames(video, model.config.num_frames, image_size=16).pixels for video in videos]
    batch = processor(TEXTS, frames)
    texts = model.encode_texts(batch["input_ids"], batch["attention_mask"])
    similarity = model.similarity(texts, model.encode_videos(batch["pixels"], batch["frame_mask"]))
    ours = load(tmp_path, device="cpu")
    assert torch.equal(similarity, ours.similarity(TEXTS, videos))
    for row, text in enumerate(TEXTS):
        explained = ours.explain(videos[0], text).similarity
        assert explained == pytest.approx(float(similarity[row, 0]), abs=1e-7)


def test_a_run_of_before_opens_like_one_of_today(videos, tmp_path):
    opened().save_pretrained(tmp_path)
    as_a_run(tmp_path)
    today = load(tmp_path, device="cpu")
    assert today.origin == {"run": tmp_path.name, "weights": "best"}
    expected = today.similarity(TEXTS, videos)
    as_written_before(tmp_path)
    assert torch.equal(load_matcher(tmp_path, device="cpu").similarity(TEXTS, videos), expected)
    with pytest.raises(SourceError, match="has no last weights yet: let it train on"):
        load(tmp_path, weights="last")
    shutil.rmtree(tmp_path / "best")
    with pytest.raises(SourceError, match="has no best weights yet: let it train on"):
        load(tmp_path)


def test_the_global_baseline_has_a_type_and_had_none_before(videos, tmp_path):
    model, tokenizer = small_model(TEXTS)
    network = GlobalContrastModel(GlobalConfig.from_dict(model.config.to_dict())).eval()
    matcher = Matcher(network, HBIProcessor.for_model(network.config, tokenizer), "baseline")
    matcher.save_pretrained(tmp_path)
    assert isinstance(AutoModel.from_pretrained(tmp_path), GlobalContrastModel)
    today = load(tmp_path, device="cpu")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "hbi-global"
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "hbi"}))
    (tmp_path / "SHA256SUMS").unlink()
    before = load(tmp_path, device="cpu")
    assert (before.kind, today.kind, before.fingerprint) == ("global", "global", today.fingerprint)
    assert torch.equal(before.similarity(TEXTS, videos), matcher.similarity(TEXTS, videos))


def test_frames_that_are_asked_for_are_kept_when_saved(tmp_path):
    opened().save_pretrained(tmp_path / "first")
    load(tmp_path / "first", num_frames=4).save_pretrained(tmp_path / "second")
    assert load(tmp_path / "second").num_frames == 4
    with pytest.raises(SourceError, match="has positions for 6 frames, not for 7: give no more"):
        load(tmp_path / "first", num_frames=7)


def test_colors_are_normalized_as_the_folder_says(videos, tmp_path):
    opened(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).save_pretrained(tmp_path)
    matcher = load(tmp_path, device="cpu")
    white = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    assert torch.equal(matcher.network_input(white), torch.ones(1, 3, 16, 16))
    assert opened().network_input(white)[0, 0, 0, 0] > 1 / CLIP_STD[0] * 0.5
    file = tmp_path / "processor_config.json"
    config = json.loads(file.read_text())
    config["image_processor"]["image_std"] = [0, 0.5, 0.5]
    file.write_text(json.dumps(config))
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(hbi.HBIError, match="it needs a mean and deviation of 3 colors"):
        load(tmp_path)


def test_each_kind_says_what_it_is_not(tmp_path):
    opened().save_pretrained(tmp_path / "ranks")
    opened_answerer().save_pretrained(tmp_path / "answers")
    assert isinstance(load(tmp_path / "answers"), Answerer)
    with pytest.raises(SourceError, match="answers questions and ranks nothing: ask it with hbi answer"):
        load_matcher(tmp_path / "answers")
    with pytest.raises(SourceError, match="answers no questions: train a model that does"):
        load_answerer(tmp_path / "ranks")


def test_what_is_no_model_is_said_in_one_line(videos, tmp_path):
    (tmp_path / "empty").mkdir()
    BertConfig().save_pretrained(tmp_path / "bert")
    for source, message in (
        (tmp_path / "empty", "holds no model .no recipe.yaml, config.json or index.json in it.: give a run folder"),
        (tmp_path / "bert", "holds a model of type 'bert', which hbi does not know: give a run folder"),
        (tmp_path / "absent", "there is no folder or file .*absent: give a run folder of hbi train"),
        (videos[0], "is a file: open a released checkpoint with hbi convert"),
        (f"model:{tmp_path / 'absent'}", "there is no folder or file"),
        (f"{tmp_path}/nobody/nothing", "there is no folder or file"),
        ("one two", "nor is it a hub name"),
    ):
        with pytest.raises(SourceError, match=message) as caught:
            load(source)
        assert "\n" not in str(caught.value)
    opened().save_pretrained(tmp_path / "model")
    with pytest.raises(SourceError, match="a run alone has last weights"):
        load(tmp_path / "model", weights="last")


def test_prefixes_of_before_still_work(tmp_path):
    opened().save_pretrained(tmp_path / "m")
    assert load(f"model:{tmp_path / 'm'}").name == "m"


def test_a_changed_file_is_refused(tmp_path):
    opened().save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {"more": torch.ones(1)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DamageError, match="is not what was written"):
        load(tmp_path)


def test_a_released_answerer_is_padded_to_its_words(videos, tmp_path):
    """Alone or beside a longer question, and asked or measured: the same answer."""
    model, tokenizer = small_answering_model(QUESTIONS, ["red", "blue", "green"])
    model.config.released_behavior = True
    answerer = Answerer(model, HBIProcessor.for_model(model.config, tokenizer), "released")
    assert answerer.tokenize(["red?"]).input_ids.shape[1] == answerer.max_words
    assert tokenize(tokenizer, ["red?"], 16).input_ids.shape[1] < answerer.max_words
    pixels, mask = answerer.read_videos(videos)
    both = answerer.answer_logits(["red?", "is it a blue circle or a red one?"], pixels, mask, torch.arange(2))
    alone = answerer.answer_logits(["red?"], pixels[:1], mask[:1], torch.tensor([0]))
    torch.testing.assert_close(alone[0], both[0], atol=1e-5, rtol=0)
    answered = answerer.answer(videos[0], "red?")
    torch.testing.assert_close(answered.probabilities, both[0].softmax(-1), atol=1e-5, rtol=0)


def test_a_model_card_goes_with_the_model(tmp_path):
    opened().save_pretrained(tmp_path / "run")
    (tmp_path / "run" / "README.md").write_text("# a card\n")
    load(tmp_path / "run").save_pretrained(tmp_path / "given")
    assert (tmp_path / "given" / "README.md").read_text() == "# a card\n"


def test_a_model_saved_over_one_of_before_is_read_whole(tmp_path):
    opened().save_pretrained(tmp_path)
    as_written_before(tmp_path)
    for file in (tmp_path / "best").iterdir():
        file.rename(tmp_path / file.name)
    answerer = opened_answerer()
    answerer.save_pretrained(tmp_path)
    assert load(tmp_path).tokenizer.get_vocab() == answerer.tokenizer.get_vocab()


def test_a_model_is_not_saved_over_a_run(tmp_path):
    as_a_run(tmp_path)
    with pytest.raises(hbi.HBIError, match="holds a run of hbi train: save the model into another folder"):
        opened().save_pretrained(tmp_path)


def test_a_part_of_a_run_is_not_taken_for_a_model(tmp_path):
    opened().save_pretrained(tmp_path / "last")
    as_a_run(tmp_path)
    with pytest.raises(SourceError, match=r"is a part of the run .*: give that folder"):
        load(tmp_path / "last")


def test_arguments_are_checked(videos, tmp_path):
    matcher = opened()
    matcher.save_pretrained(tmp_path)
    with pytest.raises(SourceError, match="choose one of best, last"):
        load(tmp_path, weights="middle")
    with pytest.raises(SourceError, match="take at least one"):
        load(tmp_path, num_frames=0)
    for call, message in (
        (lambda: matcher.similarity([], videos), "at least one text"),
        (lambda: matcher.similarity(TEXTS, []), "at least one video"),
        (lambda: matcher.games(matcher.encode_texts(TEXTS), matcher.encode_videos(videos[0])), "games are of pairs"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert matcher.encode_texts("a red circle").texts == ("a red circle",)
    assert matcher.similarity((text for text in TEXTS), videos[0]).shape == (2, 1)
    with pytest.raises(hbi.HBIError, match=r"is open already: give num_frames, weights and device to hbi\.load"):
        hbi.evaluate(matcher, data=tmp_path, num_frames=3)
