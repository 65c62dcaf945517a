"""A run goes on from its folder alone; of its recipe only the number of steps may change, and may only grow."""

import json
import subprocess

import pytest
import torch

from hbi.experiments.content import RecipeError
from hbi.experiments.continuing import changed_keys, request_of, require_same_run
from hbi.experiments.reading import read_recipe
from hbi.experiments.runs import claim_folder
from hbi.training.distributed import ALONE
from hbi.training.environment import PACKAGE, environment, source_commit
from hbi.training.optimization import warmup_cosine
from hbi.training.run_folder import RunError, RunFolder
from training.tiny import CPU, recipe_of, run_folder, trainer


def begun(path, *said: str, source: str = "shape-stories") -> RunFolder:
    """A run folder as claiming it and a first logged step leave it."""
    request = request_of(source, path, said)
    folder = claim_folder(path, request.recipe, resume=False, processes=ALONE, device=CPU, words=request.words)
    folder.append_metrics({"step": 1})
    return folder


def test_the_folder_alone_says_what_goes_on(tmp_path):
    folder = begun(tmp_path / "run", "training.seed=7", "data.root=elsewhere")
    stored = read_recipe(str(folder.recipe))
    assert stored.training.seed == 7
    for request in (
        request_of(str(folder.path), None),
        request_of(folder.path, folder.path, resume=True),
        request_of(folder.recipe, folder.path, resume=True),
        request_of("shape-stories", folder.path, resume=True),
        request_of("shape-stories", folder.path, ["training.seed=7"], resume=True),
    ):
        assert (request.recipe, request.out, request.resume) == (stored, folder.path, True)
        assert sorted(request.words["set"]) == ["data.root=elsewhere", "training.seed=7"]
        assert request.words["recipe"] == "shape-stories"
        claim_folder(request.out, request.recipe, resume=True, processes=ALONE, words=request.words)
    assert read_recipe(str(folder.recipe)) == stored


@pytest.mark.parametrize("was", [None, "released_loader: false", "released_loader: null"])
def test_a_run_whose_recipe_leaves_the_loader_open_goes_on(was, tmp_path):
    """As those of before, whose recipes knew no such key, and those that say that there is none."""
    folder = begun(tmp_path / "run")
    lines = folder.recipe.read_text().split("\n")
    kept = [line if "released_loader" not in line else was and f"  {was}" for line in lines]
    folder.recipe.write_text("\n".join(line for line in kept if line is not None))
    for wanted in (None, False):
        data = read_recipe(str(folder.recipe)).data.model_copy(update={"released_loader": wanted})
        assert not require_same_run(folder, read_recipe(str(folder.recipe)).model_copy(update={"data": data}))
    data = data.model_copy(update={"released_loader": True})
    with pytest.raises(RunError, match=r"data\.released_loader=(None|False), not True"):
        require_same_run(folder, read_recipe(str(folder.recipe)).model_copy(update={"data": data}))


def test_another_folder_is_another_run(tmp_path):
    folder = begun(tmp_path / "run", "training.seed=7")
    request = request_of(folder.path, tmp_path / "other", ["training.seed=8"])
    assert (request.out, request.resume, request.recipe.training.seed) == (tmp_path / "other", False, 8)
    assert request.words == {"recipe": str(folder.path), "set": ["training.seed=8"]}


@pytest.mark.parametrize(
    ("source", "said", "named"),
    [
        (None, ["training.lr=5"], ["training.lr=0.002, not 5.0"]),
        ("shape-stories", ["training.lr=5", "data.root=x"], ["training.lr=0.002, not 5.0", "data.root=here, not x"]),
        ("shape-stories-global", [], ["model.kind=hbi, not global"]),
        (None, ["training.num_steps=11"], ["training.num_steps=12, not 11"]),
        (None, ["training.num_steps=24", "training.batch_size=1"], ["training.batch_size=32, not 1"]),
    ],
)
def test_what_would_change_is_named(tmp_path, source, said, named):
    folder = begun(tmp_path / "run", "data.root=here", "training.num_steps=12")
    before = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    request = request_of(source or folder.path, folder.path, said, resume=True)
    with pytest.raises(RunError, match="was started with another recipe") as raised:
        claim_folder(folder.path, request.recipe, resume=True, processes=ALONE, words=request.words)
    assert all(each in str(raised.value) for each in named), raised.value
    assert f"hbi train {folder.path} goes on" in str(raised.value)
    assert str(raised.value).count(", not ") == len(named)
    assert {file.name: file.read_bytes() for file in folder.path.iterdir()} == before


def test_a_file_that_was_changed_since_is_noticed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: shape-stories\n")
    folder = begun(tmp_path / "run", "training.seed=7", source=str(file))
    assert request_of(file, folder.path, resume=True).recipe == read_recipe(str(folder.recipe))
    file.write_text("extends: shape-stories\nmodel: {width: 32}\n")
    changed = request_of(file, folder.path, resume=True).recipe
    with pytest.raises(RunError, match=r"model\.width=64, not 32"):
        claim_folder(folder.path, changed, resume=True, processes=ALONE)


def test_without_resume_a_run_is_not_touched(tmp_path):
    folder = begun(tmp_path / "run")
    with pytest.raises(RunError, match=r"already holds a run: hbi train .*run continues it"):
        claim_folder(folder.path, read_recipe("shape-stories"), resume=False, processes=ALONE)


def test_what_was_set_for_a_start_that_failed_is_not_kept(tmp_path):
    request = request_of("shape-stories", tmp_path / "run", ["data.root=wrong"])
    claim_folder(request.out, request.recipe, resume=False, processes=ALONE, words=request.words)
    assert request_of("shape-stories", tmp_path / "run", resume=True).recipe == read_recipe("shape-stories")


def test_a_run_of_before_goes_on_too(tmp_path):
    """Its environment.json does not tell what was set: its folder says so, a name alone does not."""
    run = run_folder(tmp_path / "run")
    assert request_of(run, None).recipe == recipe_of("hbi")
    with pytest.raises(RunError, match=r"data\.num_frames=5, not 12"):
        claim_folder(run, request_of("shape-stories", run, resume=True).recipe, resume=True, processes=ALONE)
    (run / "environment.json").write_text("[1, 2")
    assert request_of(run, None).recipe == recipe_of("hbi")


def test_a_recipe_that_was_read_needs_a_folder(tmp_path):
    with pytest.raises(RecipeError, match="give the run folder"):
        request_of(recipe_of("hbi"), None)
    assert request_of(recipe_of("hbi"), tmp_path).words == {}
    assert request_of("shape-stories", None).out.as_posix() == "runs/shape-stories"


def test_changed_keys_are_those_that_differ():
    changes = ["training.lr=1", "model.level_weights=[1, 0, 0]"]
    before = read_recipe("shape-stories")
    assert changed_keys(before, before) == {}
    assert changed_keys(before, read_recipe("shape-stories", changes)) == {
        "training.lr": (0.002, 1.0),
        "model.level_weights": ([0.5, 0.3, 0.2], [1.0, 0.0, 0.0]),
    }


def test_more_steps_follow_the_cosine_of_the_longer_run(tmp_path):
    """After the last step of a shorter run its rate is 0; going on, each step has the rate that its number has."""
    warm = "training.warmup_steps=1"
    run = run_folder(tmp_path / "run", "hbi", "training.num_steps=3", "training.log_every=1", warm)
    best = (run / "model.safetensors").read_bytes()
    longer = recipe_of("hbi", "training.num_steps=8", "training.log_every=1", warm)
    folder = claim_folder(run, longer, resume=True, processes=ALONE)
    assert read_recipe(str(folder.recipe)) == longer
    assert not folder.is_finished
    assert (run / "model.safetensors").read_bytes() == best
    again = trainer(run, "hbi", "training.num_steps=8", "training.log_every=1", warm)
    assert again.resume() == 3
    first_rates = [group["lr"] / group["initial_lr"] for each in again.optimizers for group in each.param_groups]
    assert set(first_rates) == {warmup_cosine(3, num_steps=8, num_warmup_steps=1)}
    again.run(lambda progress: None)
    assert folder.is_finished
    rates = {line["step"]: line["lr"] for line in folder.read_metrics() if line["kind"] == "train"}
    highest = longer.training.muon_lr
    for step in range(4, 9):  # the log has the rate of the next step
        assert rates[step] == pytest.approx(highest * warmup_cosine(step, num_steps=8, num_warmup_steps=1))


def test_a_finished_run_without_its_checkpoint_is_not_begun_anew_over_its_weights(tmp_path):
    run = run_folder(tmp_path / "run")
    (run / "checkpoint.pt").unlink()
    with pytest.raises(RunError, match=r"has no checkpoint\.pt any more"):
        claim_folder(run, recipe_of("hbi", "training.num_steps=3"), resume=True, processes=ALONE)
    assert (run / "last" / "model.safetensors").is_file()


def test_a_longer_run_that_is_killed_goes_on_to_the_same_numbers(tmp_path):
    """The step and the recipe alone say what the rate is: nothing is to be remembered of when it became longer."""
    weights = []
    for stops in ((), (4,)):
        run = run_folder(tmp_path / f"run{len(weights)}", "hbi", "training.num_steps=3")
        claim_folder(run, recipe_of("hbi", "training.num_steps=6"), resume=True, processes=ALONE)
        for stop in stops:
            halfway = trainer(run, "hbi", "training.num_steps=6")
            halfway.resume()

            def kill(progress, stop=stop):
                if progress.step == stop:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                halfway.run(kill)
        last = trainer(run, "hbi", "training.num_steps=6")
        last.resume()
        last.run(lambda progress: None)
        weights.append((run / "last" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_the_environment_names_commit_and_device_and_what_it_goes_on_with(tmp_path):
    folder = begun(tmp_path / "run", "training.seed=3")
    kept = folder.read_environment()
    assert kept["seed"] == 3
    assert kept["device"].startswith("cpu, ")
    assert kept.keys() >= {"hbi", "commit", "has_uncommitted_changes", "torch", "python", "processes", "recipe", "set"}
    claim_folder(folder.path, read_recipe(str(folder.recipe)), resume=True, processes=ALONE, device=CPU)
    assert folder.read_environment() == kept
    folder.environment.write_text(json.dumps(kept | {"torch": "1.0"}))
    for _ in range(2):  # what is the same again is not said twice
        claim_folder(folder.path, read_recipe(str(folder.recipe)), resume=True, processes=ALONE, device=CPU)
    assert folder.read_environment()["resumed_with"] == [{"torch": torch.__version__}]
    folder.environment.write_text('{"resumed_with": "x", "set": 1}')  # it is a note: nothing depends on it
    claim_folder(folder.path, read_recipe(str(folder.recipe)), resume=True, processes=ALONE, device=CPU)
    assert folder.read_environment()["resumed_with"][0]["torch"] == torch.__version__


def test_the_commit_is_that_of_the_code(tmp_path):
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    package, guest = tmp_path / "src", tmp_path / ".venv" / "hbi"
    for folder in (package, guest):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    git("init", "-q")
    git("add", "src")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD").strip()
    assert source_commit(package) == (commit, False)
    (package / "__init__.py").write_text("changed")
    assert source_commit(package) == (commit, True)
    assert source_commit(guest)[0] != commit  # a package that lies in somebody's project is not of its commit
    assert environment(CPU, seed=0)["commit"] == source_commit(PACKAGE)[0]
