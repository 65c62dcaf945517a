"""A grid world seen from above: an agent does what an instruction says, among things that it does not speak of.

The idea is that of MiniGrid and BabyAI (Chevalier-Boisvert et al., 2019 and 2023); drawn and written anew. An agent, a
triangle that has a direction, turns, steps forward, picks up, puts down and opens; each takes a quarter of a second. A
thing that it carries is not seen. Walls, doors and the things themselves stand in its way.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from worlds.films import Film, World

CELLS, TILE = 8, 12
"""The room has walls all around: six by six cells are free. A tile's side in pixels."""
COLORS = {
    "red": (226, 48, 40),
    "green": (46, 190, 60),
    "blue": (60, 90, 246),
    "purple": (160, 60, 210),
    "yellow": (240, 220, 50),
    "grey": (150, 150, 150),
}
KINDS = ("ball", "box", "key")
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up: what a step forward adds to (column, row)."""
FEWEST_FRAMES, MOST_FRAMES = 10, 48
STILL_FRAMES = 2
"""Before the first and after the last act."""
UNSAID_COLOR = 0.12
"""How often an instruction leaves a color unsaid."""

Cell = tuple[int, int]
Thing = tuple[str | None, str]
"""Color and kind; None in an instruction: of any color."""
Act = tuple[str, Thing, Thing | None]
"""What is to be done (go, pick, put, open), to what, next to what."""


@dataclass(frozen=True)
class Claim:
    """What an instruction says: acts, one after the other."""

    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Seen:
    """Something that came about: when, what (faced, picked, opened, put), which thing, beside which other things."""

    time: int
    what: str
    thing: Thing
    beside: frozenset[Thing] = frozenset()


class StuckError(Exception):
    """The instruction cannot be done."""


@dataclass
class Room:
    """A room as it is now, and what has been seen of it."""

    walls: set[Cell]
    doors: dict[Cell, str]
    things: dict[Cell, Thing]
    agent: Cell
    direction: int
    opened: set[Cell] = field(default_factory=set)
    carried: Thing | None = None
    pictures: list[np.ndarray] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def ahead(self) -> Cell:
        """The cell that the agent faces."""
        return beyond(self.agent, self.direction)

    def is_free(self, cell: Cell) -> bool:
        """Return whether the agent could stand there, with the doors open."""
        return cell not in self.walls and cell not in self.things and all(0 < place < CELLS - 1 for place in cell)

    def move(self, name: str) -> None:
        """Do one thing: left, right, forward, pick, put or open; and take a picture."""
        match name:
            case "left" | "right":
                self.direction = (self.direction + (1 if name == "right" else -1)) % 4
            case "forward":
                self.agent = self.ahead
            case "pick":
                self.carried = self.things.pop(self.ahead)
                self._note("picked", self.carried)
            case "put":
                assert self.carried is not None
                neighbors = (beyond(self.ahead, direction) for direction in range(4))
                beside = frozenset(self.things[cell] for cell in neighbors if cell in self.things)
                self.things[self.ahead] = self.carried
                self._note("put", self.carried, beside)
                self.carried = None
            case "open":
                self.opened.add(self.ahead)
                self._note("opened", (self.doors[self.ahead], "door"))
        if thing := self.things.get(self.ahead):
            self._note("faced", thing)
        if self.ahead in self.doors:
            self._note("faced", (self.doors[self.ahead], "door"))
        self.pictures.append(picture_of(self))

    def _note(self, what: str, thing: Thing, beside: frozenset[Thing] = frozenset()) -> None:
        self.seen.append(Seen(len(self.pictures), what, thing, beside))


def draw(rng: np.random.Generator) -> Film:
    """Return the film of an instruction that is done."""
    while True:
        room = draw_room(rng)
        claim = draw_claim(rng, room)
        try:
            room.pictures += [picture_of(room)] * STILL_FRAMES
            for act in claim.acts:
                do(rng, room, act)
        except StuckError:
            continue
        room.pictures += [room.pictures[-1]] * STILL_FRAMES
        if FEWEST_FRAMES <= len(room.pictures) <= MOST_FRAMES:
            return Film(np.stack(room.pictures), sentence(rng, claim), claim, tuple(room.seen))


def is_true(claim: Claim, seen: tuple[Seen, ...]) -> bool:
    """Return whether the acts that are claimed come about, each after the one before.

    Args:
        claim: What is said.
        seen: What came about, in its order.
    """
    time = -1
    for act in claim.acts:
        found = next((each.time for each in seen if each.time > time and does(act, each)), None)
        if found is None:
            return False
        time = found
    return True


def does(act: Act, seen: Seen) -> bool:
    """Return whether what came about is what the act wants.

    Args:
        act: What is wanted.
        seen: What came about.
    """
    name, thing, other = act
    if {"go": "faced", "pick": "picked", "put": "put", "open": "opened"}[name] != seen.what:
        return False
    return is_such(seen.thing, thing) and (other is None or any(is_such(each, other) for each in seen.beside))


def is_such(thing: Thing, wanted: Thing) -> bool:
    """Return whether a thing is what is spoken of; what is spoken of may be of any color."""
    return thing[1] == wanted[1] and wanted[0] in (None, thing[0])


def beyond(cell: Cell, direction: int) -> Cell:
    """Return the next cell in a direction."""
    return cell[0] + STEPS[direction][0], cell[1] + STEPS[direction][1]


def draw_room(rng: np.random.Generator) -> Room:
    """Return a room: often cut in two by a wall with doors, else with doors in the outer walls; things; an agent."""
    inner = range(1, CELLS - 1)
    walls = {(x, y) for x in range(CELLS) for y in range(CELLS) if not (x in inner and y in inner)}
    colors = rng.permutation(list(COLORS)).tolist()
    num_doors = int(rng.integers(1, 3))
    if rng.random() < 0.6:
        at = int(rng.integers(3, CELLS - 3))
        is_upright = rng.random() < 0.5
        divider = [(at, place) if is_upright else (place, at) for place in inner]
        walls |= set(divider)
        options = divider
    else:
        far = CELLS - 1
        options = [cell for place in inner for cell in ((0, place), (far, place), (place, 0), (place, far))]
    chosen = rng.choice(len(options), num_doors, replace=False).tolist()
    doors = {options[number]: colors[place] for place, number in enumerate(chosen)}
    room = Room(walls - set(doors), doors, {}, (0, 0), int(rng.integers(4)))
    free = [(x, y) for x in inner for y in inner if (x, y) not in walls]
    num_things = int(rng.integers(4, 8))
    places = [free[number] for number in rng.choice(len(free), num_things + 1, replace=False).tolist()]
    room.agent = places.pop()
    for place in places:
        room.things[place] = (str(rng.choice(list(COLORS))), str(rng.choice(KINDS)))
    return room


def draw_claim(rng: np.random.Generator, room: Room) -> Claim:
    """Return an instruction of one act or two that the room has the things for."""
    first = draw_act(rng, room)
    if rng.random() < 0.5:
        return Claim((first,))
    while True:
        second = draw_act(rng, room)
        # Hands that hold a thing can take no other one.
        if second != first and not (first[0] == "pick" and second[0] in ("pick", "put")) and first[1] != second[1]:
            return Claim((first, second))


def draw_act(rng: np.random.Generator, room: Room) -> Act:
    """Return one act on things of the room."""
    things = list(room.things.values())
    name = str(rng.choice(("go", "pick", "put", "open"), p=(0.25, 0.3, 0.25, 0.2)))
    if name == "open":
        return name, (str(rng.choice(list(room.doors.values()))), "door"), None
    first, second = (things[number] for number in rng.choice(len(things), 2, replace=False).tolist())
    if name == "go" and rng.random() < 0.2:
        first = (str(rng.choice(list(room.doors.values()))), "door")
    said, other = ((None, kind) if rng.random() < UNSAID_COLOR else (color, kind) for color, kind in (first, second))
    if name != "put":
        return name, said, None
    # Of two things that are spoken of alike nobody could tell which is meant.
    return draw_act(rng, room) if is_such(first, other) or is_such(second, said) else (name, said, other)


def do(rng: np.random.Generator, room: Room, act: Act) -> None:
    """Let the agent do an act.

    Args:
        rng: Chooses among things that are meant alike, and among ways.
        room: Where it happens; it changes.
        act: What is to be done.

    Raises:
        StuckError: It cannot.
    """
    name, thing, other = act
    if name == "open":
        walk(rng, room, {cell for cell, color in room.doors.items() if color == thing[0] and cell not in room.opened})
        if room.ahead not in room.opened:
            room.move("open")
        return
    places = {cell for cell, each in room.things.items() if is_such(each, thing)}
    places |= {cell for cell, color in room.doors.items() if is_such((color, "door"), thing)}
    if name == "put":
        beside = {cell for cell, each in room.things.items() if other and is_such(each, other)}
        places = {cell for cell in places if not beside - {cell} & {beyond(cell, way) for way in range(4)}}
    walk(rng, room, places)
    if name == "go":
        return
    room.move("pick")
    if name == "put":
        beside -= {room.ahead}
        cells = {beyond(cell, way) for cell in beside for way in range(4)}
        walk(rng, room, {cell for cell in cells if room.is_free(cell) and cell not in room.doors})
        room.move("put")


def walk(rng: np.random.Generator, room: Room, goals: set[Cell]) -> None:
    """Let the agent go where it faces one of some cells, on a shortest way; closed doors are opened.

    Args:
        rng: Chooses among ways that are as short.
        room: Where it happens; it changes.
        goals: The cells.

    Raises:
        StuckError: There is no way, or the agent faces one already, so that nothing would be seen.
    """
    if room.ahead in goals:
        raise StuckError
    for name in way_to(rng, room, goals):
        if name == "forward" and room.ahead in room.doors and room.ahead not in room.opened:
            room.move("open")
        room.move(name)


def way_to(rng: np.random.Generator, room: Room, goals: set[Cell]) -> list[str]:
    """Return the moves of a shortest way to where the agent faces one of the cells.

    Args:
        rng: Chooses among ways that are as short.
        room: Where the agent is.
        goals: The cells.

    Raises:
        StuckError: There is no way.
    """
    start = (room.agent, room.direction)
    came: dict[tuple[Cell, int], tuple[tuple[Cell, int], str]] = {start: (start, "")}
    waiting = deque([start])
    turns = rng.permutation([-1, 1]).tolist()
    while waiting:
        state = waiting.popleft()
        cell, direction = state
        if beyond(cell, direction) in goals:
            moves = []
            while state != start:
                state, name = came[state]
                moves.append(name)
            return moves[::-1]
        for following, name in _moves(room, cell, direction, turns):
            if following not in came:
                came[following] = (state, name)
                waiting.append(following)
    raise StuckError


def _moves(room: Room, cell: Cell, direction: int, turns: list[int]) -> Iterator[tuple[tuple[Cell, int], str]]:
    ahead = beyond(cell, direction)
    if room.is_free(ahead):
        yield (ahead, direction), "forward"
    for turn in turns:
        yield (cell, (direction + turn) % 4), "right" if turn == 1 else "left"


def sentence(rng: np.random.Generator, claim: Claim) -> str:
    """Return the instruction in words."""
    told = [_told(act) for act in claim.acts]
    if len(told) == 1:
        return told[0]
    patterns = ("{0}, then {1}", "{0} and then {1}", "{1} after you {0}", "after you {0}, {1}")
    return patterns[int(rng.choice(4, p=(0.4, 0.1, 0.4, 0.1)))].format(*told)


def _told(act: Act) -> str:
    name, thing, other = act
    first = _named(thing)
    if name == "put":
        assert other is not None
        return f"put {first} next to {_named(other)}"
    return {"go": f"go to {first}", "pick": f"pick up {first}", "open": f"open {first}"}[name]


def _named(thing: Thing) -> str:
    return f"the {thing[0]} {thing[1]}" if thing[0] else f"a {thing[1]}"


def picture_of(room: Room) -> np.ndarray:
    """Return the room seen from above, in uint8 [height, width, 3]."""
    sprites = _sprites()
    picture = np.tile(sprites["floor"], (CELLS, CELLS, 1))
    for cell in room.walls:
        _put(picture, cell, sprites["wall"])
    for cell, color in room.doors.items():
        _put(picture, cell, sprites["open" if cell in room.opened else "door", color])
    for cell, (color, kind) in room.things.items():
        _put(picture, cell, sprites[kind, color])
    _put(picture, room.agent, sprites["agent", room.direction, room.agent in room.doors])
    return picture


def _put(picture: np.ndarray, cell: Cell, sprite: np.ndarray) -> None:
    x, y = cell[0] * TILE, cell[1] * TILE
    picture[y : y + TILE, x : x + TILE] = sprite


@lru_cache(maxsize=1)
def _sprites() -> dict[object, np.ndarray]:
    """Return the tiles, in uint8 [TILE, TILE, 3]."""
    fine = 8
    y, x = (np.mgrid[: TILE * fine, : TILE * fine] + 0.5) / (TILE * fine) * 2.0 - 1.0
    floor = np.full((*x.shape, 3), 18.0)
    floor[(x < -0.92) | (y < -0.92)] = 52.0

    def painted(*layers: tuple[np.ndarray, tuple[float, float, float]]) -> np.ndarray:
        canvas = floor.copy()
        for where, color in layers:
            canvas[where] = color
        return canvas.reshape(TILE, fine, TILE, fine, 3).mean((1, 3)).round().astype(np.uint8)

    edge, dark = np.maximum(abs(x), abs(y)), (18.0, 18.0, 18.0)
    handle = np.hypot(x - 0.5, y) < 0.2
    key = (abs(np.hypot(x, y + 0.45) - 0.3) < 0.14) | ((abs(x) < 0.13) & (y > -0.2) & (y < 0.85))
    key |= (x > 0) & (x < 0.5) & ((abs(y - 0.72) < 0.13) | (abs(y - 0.32) < 0.13))
    triangles = [((a + 0.75) / 1.5 > abs(b) / 0.72) & (a < 0.78) for a, b in ((-x, y), (-y, x), (x, y), (y, x))]
    sprites: dict[object, np.ndarray] = {"floor": painted(), "wall": painted((edge <= 1.0, (96.0, 96.0, 102.0)))}
    for name, rgb in COLORS.items():
        shade = tuple(0.35 * value for value in rgb)
        sprites["ball", name] = painted((np.hypot(x, y) < 0.72, rgb))
        sprites["box", name] = painted((edge < 0.78, rgb), (edge < 0.5, dark), ((edge < 0.5) & (abs(y) < 0.14), rgb))
        sprites["key", name] = painted((key, rgb))
        sprites["door", name] = painted((edge <= 1.0, rgb), (edge < 0.78, shade), (handle, rgb))
        sprites["open", name] = painted((edge <= 1.0, rgb), (edge < 0.8, dark))
    for direction, where in enumerate(triangles):
        for is_in_door in (False, True):
            layers = [(edge < 1.1, dark)] if is_in_door else []
            sprites["agent", direction, is_in_door] = painted(*layers, (where, (245.0, 245.0, 245.0)))
    return sprites


WORLD = World("grid", 4, draw, is_true)
