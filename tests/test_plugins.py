"""What other installed packages add: found by name, imported when asked for, a fault of theirs told in one line."""

import importlib
import sys
from textwrap import dedent

import pytest

from hbi import plugins
from hbi.data.benchmarks import benchmark_names, find_benchmark
from hbi.data.samples import DataError
from hbi.encoders.families import FAMILIES, family_of
from hbi.encoders.sizes import ModelError
from hbi.errors import HBIError
from hbi.experiments.changed_objective import find_change
from hbi.experiments.model_card import write_model_card
from hbi.experiments.reading import read_recipe
from hbi.matching import load
from hbi.models.networks import NETWORKS
from hbi.plugins import PluginError
from training.tiny import run_folder

CODE = """
    from types import SimpleNamespace
    from hbi.data.benchmark import Benchmark
    from hbi.encoders.clip import CLIPEncoder
    from hbi.models import HBIModel, add_network

    def read(folder, protocol, split):
        return []

    COOKING = Benchmark("cooking", "Cooking", read)

    class Other(CLIPEncoder):
        pass

    @add_network("kitchen-hbi")
    class KitchenHBI(HBIModel):
        pass

    def halved(objective, network):
        return objective
"""
ENTRIES = """
    [hbi.benchmarks]
    cooking = kitchen_videos:COOKING
    own = kitchen_videos:COOKING
    broken = kitchen_videos:MISSING
    odd = kitchen_videos:read
    [hbi.encoders]
    other_clip = kitchen_videos:Other
    [hbi.networks]
    kitchen-hbi = kitchen_videos:KitchenHBI
    [hbi.objectives]
    halved = kitchen_videos:halved
    number = kitchen_videos:__name__
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as an installer leaves it."""
    (tmp_path / "kitchen_videos.py").write_text(dedent(CODE))
    about = tmp_path / "kitchen_videos-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kitchen-videos\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(dedent(ENTRIES))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    plugins._found.cache_clear()
    yield
    plugins._found.cache_clear()
    sys.modules.pop("kitchen_videos", None)
    FAMILIES.data.pop("other_clip", None)
    NETWORKS.data.pop("kitchen-hbi", None)


def test_a_data_set_of_another_package_is_one_of_ours(installed):
    assert {"cooking", "msrvtt"} <= set(benchmark_names())
    assert find_benchmark("cooking").title == "Cooking"
    assert read_recipe("msrvtt", ["data.dataset=cooking"]).data.dataset == "cooking"


def test_a_name_of_ours_stays_ours(installed):
    assert find_benchmark("own").title != "Cooking"


def test_an_encoder_of_another_package_is_opened_when_asked_for(installed):
    assert "kitchen_videos" not in sys.modules
    assert "other_clip" in FAMILIES
    assert [*FAMILIES][-1] == "other_clip"
    assert family_of(type("Config", (), {"model_type": "other_clip"})).__name__ == "Other"
    assert len([*FAMILIES]) == len(set(FAMILIES))


def test_a_network_of_another_package_is_opened_when_asked_for(installed, tmp_path):
    assert "kitchen_videos" not in sys.modules
    run = run_folder(tmp_path / "run", "hbi", "model.network=kitchen-hbi")
    assert type(load(run, device="cpu").model).__name__ == "KitchenHBI"
    assert [*NETWORKS] == ["hbi", "hbi-global", "hbi-answering", "kitchen-hbi"]
    card = write_model_card(run).read_text()
    assert "The network `kitchen-hbi` is no part of hbi" in card


def test_an_objective_of_another_package_has_a_name(installed):
    change = find_change(read_recipe("shape-stories", ["objective.changed_by=halved"]))
    assert change.__name__ == "halved"
    with pytest.raises(HBIError, match="kitchen_videos:__name__ is no Callable; mend or remove it"):
        find_change(read_recipe("shape-stories", ["objective.changed_by=number"]))
    with pytest.raises(HBIError, match="names an objective so: did you mean 'halved'"):
        find_change(read_recipe("shape-stories", ["objective.changed_by=halve"]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "broken",
            r"'broken' of the package kitchen-videos cannot be imported from kitchen_videos:MISSING: AttributeEr",
        ),
        ("odd", "kitchen_videos:read is no Benchmark; mend or remove it"),
    ],
)
def test_a_fault_of_the_other_package_is_one_line(installed, name, message):
    with pytest.raises(PluginError, match=message) as caught:
        find_benchmark(name)
    assert "\n" not in str(caught.value)


def test_without_other_packages_nothing_is_known_of_them():
    plugins._found.cache_clear()
    with pytest.raises(DataError, match="no data set 'cooking'"):
        find_benchmark("cooking")
    with pytest.raises(ModelError, match="'other_clip' is not known: clip, "):
        family_of(type("Config", (), {"model_type": "other_clip"}))
    with pytest.raises(KeyError):
        FAMILIES["other_clip"]
