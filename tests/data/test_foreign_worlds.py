"""Films of other worlds than ShapeStories: what is seen in them is what is said of them."""

import importlib
import json
import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from hbi.data.benchmarks import own
from hbi.video import read_frames

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ("grid", "digits", "figures")


@pytest.fixture(scope="module")
def worlds():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("worlds")


@pytest.fixture
def grid(worlds):
    return worlds.grid


@pytest.fixture
def films(worlds):
    return importlib.import_module("worlds.films")


@pytest.mark.parametrize("name", NAMES)
def test_a_film_shows_what_its_caption_says(worlds, films, name):
    world = worlds.WORLDS[name]
    drawn = [world.draw(films.generator(world, 0, "test", number)) for number in range(12)]
    for film in drawn:
        assert world.is_true(film.claim, film.seen)
        assert film.frames.dtype == np.uint8
        assert film.frames.shape[1] == film.frames.shape[2] in (64, 96)
        assert 2 <= len(film.frames) / world.frames_per_second <= 15
        assert re.fullmatch(r"[a-z0-9 ,]+", film.caption)
        assert (film.frames[0] != film.frames[-1]).any() or "still" in film.caption
    again = world.draw(films.generator(world, 0, "test", 3))
    assert np.array_equal(again.frames, drawn[3].frames)
    assert again.caption == drawn[3].caption
    assert len({film.caption for film in drawn}) > 8
    truth = films.true_films(world, [(film.claim, film.seen) for film in drawn])
    for number, film in enumerate(drawn):
        assert truth[number] == [at for at, other in enumerate(drawn) if world.is_true(film.claim, other.seen)]
        assert number in truth[number]


@pytest.mark.parametrize("name", NAMES)
def test_a_world_is_a_data_set_of_own_videos(worlds, films, tmp_path, name):
    world, splits = worlds.WORLDS[name], {"train": 2, "val": 1, "test": 3}
    films.make_world(world, tmp_path, seed=5, splits=splits, num_workers=1)
    for split, count in splits.items():
        videos = own.read(tmp_path, "", split)
        assert [video.video_id for video in videos] == [f"videos/{split}/{number:05d}.mp4" for number in range(count)]
        for number, video in enumerate(videos):
            film = world.draw(films.generator(world, 5, split, number))
            assert [caption.text for caption in video.texts] == [film.caption]
    read = read_frames(tmp_path / "videos" / "test" / "00002.mp4", 3, image_size=film.frames.shape[1])
    middles = [int((part + 0.5) * len(film.frames) / 3) for part in range(3)]
    difference = abs(read.pixels.permute(0, 2, 3, 1).numpy().astype(float) - film.frames[middles])
    assert difference.mean() < 12
    assert {split: len(each) for split, each in json.loads((tmp_path / "truth.json").read_text()).items()} == {
        "val": 1,
        "test": 3,
    }
    written = (tmp_path / "captions.csv").stat().st_mtime_ns
    films.make_world(world, tmp_path, seed=5, splits=splits, num_workers=1)
    assert (tmp_path / "captions.csv").stat().st_mtime_ns == written
    with pytest.raises(SystemExit, match=r"choose another folder"):
        films.make_world(world, tmp_path, seed=6, splits=splits, num_workers=1)


def spoken(caption):
    """The acts that an instruction asks for, read from its words."""

    def thing(words):
        *color, kind = words.split()[1:]
        return (color[0] if color else None), kind

    def act(clause):
        if match := re.fullmatch(r"put (.+) next to (.+)", clause):
            return "put", thing(match[1]), thing(match[2])
        name, words = re.fullmatch(r"(go to|pick up|open) (.+)", clause).groups()
        return name.split()[0], thing(words), None

    if match := re.fullmatch(r"after you (.+), (.+)", caption):
        return act(match[1]), act(match[2])
    if match := re.fullmatch(r"(.+) after you (.+)", caption):
        return act(match[2]), act(match[1])
    return tuple(act(clause) for clause in re.split(r", then | and then ", caption))


def test_instructions_say_what_is_claimed(grid, films):
    patterns = set()
    for number in range(80):
        film = grid.draw(films.generator(grid.WORLD, 1, "test", number))
        assert spoken(film.caption) == film.claim.acts
        patterns.add(re.sub(r"(go|pick|put|open) [a-z ]*?(ball|box|key|door)", "_", film.caption))
    assert len(patterns) >= 5


def slow_is_true(grid, claim, seen):
    return any(
        all(grid.does(act, each) for act, each in zip(claim.acts, chosen, strict=True))
        and all(one.time < other.time for one, other in pairwise(chosen))
        for chosen in combinations(seen, len(claim.acts))
    )


def test_an_instruction_is_done_when_its_acts_come_about_in_order(grid, films):
    drawn = [grid.draw(films.generator(grid.WORLD, 2, "test", number)) for number in range(30)]
    for film in drawn:
        for other in drawn:
            assert grid.is_true(film.claim, other.seen) == slow_is_true(grid, film.claim, other.seen)


def test_an_agent_obeys_walls_and_hands(grid):
    room = grid.Room({(1, 0)}, {(3, 1): "red"}, {(2, 1): ("blue", "key")}, (1, 1), 0)
    room.move("pick")
    assert room.carried == ("blue", "key")
    assert not room.things
    room.move("forward")
    room.move("open")
    assert [(each.time, each.what) for each in room.seen] == [
        (0, "picked"), (1, "faced"), (2, "opened"), (2, "faced"),
    ]  # fmt: skip
    room.move("forward")
    room.move("put")
    assert room.things == {(4, 1): ("blue", "key")}
    assert not room.is_free((4, 1))
    assert not room.is_free((1, 0))
    assert room.is_free((2, 2))
    tiles = [picture.reshape(8, 12, 8, 12, 3).swapaxes(1, 2) for picture in room.pictures]
    assert not np.array_equal(tiles[-1][1, 4], tiles[0][1, 4])
    assert np.array_equal(tiles[1][1, 1], tiles[1][2, 2])  # the agent has left: floor


def test_a_shortest_way_is_as_short_as_a_search_of_all_ways(grid):
    rng = np.random.default_rng(0)
    for _ in range(20):
        room = grid.draw_room(rng)
        goal = next(iter(room.things))
        distance, reached = 0, {(room.agent, room.direction)}
        while not any(grid.beyond(cell, way) == goal for cell, way in reached) and distance < 200:
            turned = {(cell, (way + turn) % 4) for cell, way in reached for turn in (1, 3)}
            stepped = {(grid.beyond(*state), state[1]) for state in reached if room.is_free(grid.beyond(*state))}
            reached, distance = reached | turned | stepped, distance + 1
        if distance == 200:
            with pytest.raises(grid.StuckError):
                grid.way_to(rng, room, {goal})
        else:
            assert len(grid.way_to(rng, room, {goal})) == distance


def moments(light):
    """Center (x, y) and amount of light in each frame."""
    amount = light.sum((1, 2))
    rows, columns = np.mgrid[: light.shape[1], : light.shape[2]]
    return (light * columns).sum((1, 2)) / amount, (light * rows).sum((1, 2)) / amount, amount


@pytest.mark.parametrize("seed", range(3))
def test_digits_move_as_they_are_said_to(worlds, seed):
    digits = worlds.digits
    for motion in digits.MOTIONS:
        rng = np.random.default_rng(seed)
        segments = digits.handwritten(rng, int(rng.integers(10)))
        x, y, amount = moments(digits.painted(segments, 0.15, *digits.track(rng, motion)))
        parts = {"x": x / 64, "y": y / 64, "amount": amount / amount.mean()}
        rising = {name: bool((np.diff(values) > 3e-3).mean() > 0.9) for name, values in parts.items()}
        falling = {name: bool((np.diff(values) < -3e-3).mean() > 0.9) for name, values in parts.items()}
        assert falling["y"] == (motion == "moving up")
        assert rising["y"] == (motion == "moving down")
        assert falling["x"] == (motion == "moving left")
        assert rising["x"] == (motion == "moving right")
        assert rising["amount"] == (motion == "growing")
        assert falling["amount"] == (motion == "shrinking")
        sways = [np.ptp(values) > 12 and (np.diff(np.sign(np.diff(values))) != 0).sum() >= 2 for values in (x, y)]
        assert sways == [
            motion in ("moving left and right", "moving in a circle"),
            motion in ("moving up and down", "moving in a circle"),
        ]
        assert (np.ptp(x) < 1 and np.ptp(y) < 1 and np.ptp(amount) < 0.05 * amount.mean()) == (
            motion == "standing still"
        )


def test_strokes_are_as_far_as_a_slow_search_says(worlds):
    digits = worlds.digits
    segments = digits.handwritten(np.random.default_rng(0), 3)
    places = np.linspace(-1.1, 1.1, 7)
    along = np.linspace(0.0, 1.0, 400)[:, None]
    points = np.concatenate([start + along * (end - start) for start, end in segments])
    slow = [[np.hypot(*(points - (x, y)).T).min() for x in places] for y in places]
    assert digits.between(digits.distances(segments), places, places) == pytest.approx(np.array(slow), abs=0.03)


def test_figures_do_what_is_said_and_are_grey(worlds):
    figures = worlds.figures
    found = {}
    for name in figures.MOTIONS:
        pose = figures.poses(np.random.default_rng(1), (name,), 0.0)
        light = figures.painted(figures.skeleton(pose), 32.0 + 36.0 * pose.shift, 58.0, 36.0)
        bottom = np.array([np.flatnonzero(frame.max(1) > 0.5).max() for frame in light])
        top = np.array([np.flatnonzero(frame.max(1) > 0.5).min() for frame in light])
        x, _, _ = moments(light)
        found[name] = (x[-1] - x[0], np.ptp(bottom), top.max() - top[0], top[0] - top.min())
    assert found["walks to the left"][0] < -15
    assert found["walks to the right"][0] > 15
    assert all(abs(each[0]) < 1 for name, each in found.items() if "walk" not in name and "cartwheel" not in name)
    assert found["jumps"][1] > 8
    assert all(each[1] <= 1 for name, each in found.items() if name != "jumps")
    assert all((each[2] > 5) == (name in ("squats", "bows", "falls over", "turns a cartwheel"))
               for name, each in found.items())  # fmt: skip
    assert found["raises both arms"][3] > 2
    film = figures.draw(np.random.default_rng(0))
    assert np.array_equal(film.frames[..., 0], film.frames[..., 2])
    assert figures.is_true(figures.Claim(("waves", "bows")), ("waves", "kicks", "bows"))
    assert not figures.is_true(figures.Claim(("bows", "waves")), ("waves", "kicks", "bows"))


def test_stored_runs_become_tables(worlds, tmp_path, monkeypatch):
    study = importlib.import_module("foreign_worlds")
    results = tmp_path / "results.json"
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in NAMES))
    monkeypatch.setattr(study, "RESULTS", results)
    monkeypatch.setattr(study, "PAGE", page)

    def run(job, data, out, beside_label):
        assert beside_label == "x"
        recalls = {"recall@1": 2.0 + job.seed, "recall@5": 9.0, "recall@10": 16.0}
        beside = None if job.recipe == study.BASELINE else {"recall@10": [1.0, 0.03]}
        return {"changes": list(job.changes), "text_to_video": recalls, "video_to_text": recalls,
                "first_is_true": 5.0, "first_is_true_by_chance": 0.7, "beside_baseline": beside}  # fmt: skip

    monkeypatch.setattr(study, "run_job", run)
    jobs = [study.Job("grid", recipe, ("a.b=1",), "x", seed) for seed in (0, 1) for recipe in (study.BASELINE, "other")]
    study.run_jobs(jobs, tmp_path, tmp_path, "x")
    monkeypatch.setattr(study, "run_job", None)  # what is stored is not run again
    study.run_jobs(jobs, tmp_path, tmp_path, "x")
    with pytest.raises(SystemExit, match=r"give these changes another --label"):
        study.run_jobs([study.Job("grid", "other", (), "x", 0)], tmp_path, tmp_path, "x")
    study.write_tables()
    assert "| other, x | 2 | 2.5 ± 0.7 | 9.0 ± 0.0 | 16.0 ± 0.0 | 16.0 ± 0.0 | 5.0 ± 0.0 (0.7) | 0.030, 0.030 |" in (
        page.read_text()
    )
