"""Put the figures of games.py and games_shortcuts.py, as results/ has them, into docs/method/exact-games.md.

    python benchmarks/games_tables.py

A table stands between `<!-- name -->` and `<!-- /name -->`; one that has no figures yet is left as it is.
"""

import json
from collections.abc import Callable
from pathlib import Path

from pages import put, table

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "method" / "exact-games.md"


def main() -> None:
    games, tables = read("games"), dict[str, list[str]]()
    for name, (sections, make) in TABLES.items():
        if all(section in games for section in sections):
            tables[name] = make(*(games[section]["rows"] for section in sections))
    for name in ("random", "trained"):
        if results := read(f"games_shortcuts_{name}"):
            tables[f"shortcuts-{name}"] = shortcuts(results["rows"])
    put(PAGE, tables)


def read(name: str) -> dict:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def speed(exact: list[dict], all_pairs: list[dict], compiled: dict) -> list[str]:
    def row(pairs: dict) -> tuple[str, ...]:
        size = pairs["words"], pairs["frames"]
        one, many = (next(r for r in exact if (r["words"], r["frames"], r["batch"]) == (*size, b)) for b in (1, 128))
        also = f" (compiled: {duration(compiled['seconds'])})" if size == (24, 12) else ""
        return (
            f"{size[0]} x {size[1]}",
            duration(one["seconds"]),
            duration(many["seconds"]) + also,
            duration(pairs["seconds"]),
            f"{many['error_of_largest']:.1e}",
        )

    header = ("words x frames", "one pair", "128 pairs", "all pairs of 128 texts and 128 videos", "error")
    return table(header, map(row, all_pairs))


def parts(rows: list[dict]) -> list[str]:
    names = [name for name in rows[0] if name not in ("words", "frames", "whole")]

    def cell(measured: dict, name: str) -> str:
        is_part = not name.endswith("torch's")
        return duration(measured[name]) + (f" ({measured[name] / measured['whole']:.0%})" if is_part else "")

    def row(measured: dict) -> tuple[str, ...]:
        size = f"{measured['words']} x {measured['frames']}"
        return size, duration(measured["whole"]), *(cell(measured, name) for name in names)

    return table(("words x frames", "whole", *names), map(row, rows))


def sampling(measured: dict) -> list[str]:
    exact, loop, best = measured["exact_seconds"], measured["plain_loop"], measured["best_sampler"]
    first = best["runs"][0]

    def row(name: str, seconds: float, error: float, to_error: dict) -> tuple[str, ...]:
        goals = to_error["0.01"], to_error["0.001"]
        times = (f"{seconds / exact:,.0f}", f"{goals[0] / exact:,.0f}")
        return name, duration(seconds), f"{error:.1%}", *map(duration, goals), *times

    rows = (
        row("plain loop over words, frames and samples", loop["seconds"], loop["error"], loop["seconds_to_error"]),
        row("`sample_late_interactions`", first["seconds"], first["error"], best["seconds_to_error"]),
        ("exact", duration(exact), "below 0.0001 %", "", "", "1", "1"),
    )
    header = ("", "100 samples a cell", "error left", "to 1 %", "to 0.1 %", "times exact", "times exact, to 1 %")
    return table(header, rows)


def enumeration(rows: list[dict]) -> list[str]:
    cells = (
        (r["method"], str(r["players"]), duration(r["seconds"]), f"{r['error']:.0e}" if r["error"] else "")
        for r in rows
    )
    return table(("", "players", "time", "error"), cells)


def equal_time(sections: list[dict]) -> list[str]:
    rows = []
    for section in sections:
        exact, in_batch = section["seconds"], section["seconds_in_batch"]
        rows.append(
            (f"**{section['index']}, exact**", "", f"{duration(exact)} (of a batch: {duration(in_batch)})", "1", "0")
        )
        for method in section["methods"]:
            fits = method["in_the_time_of_exact"]
            tried = [fits] if fits else [{"budget": 2, "seconds": method["smallest_seconds"], "error": None}]
            for run in (*tried, *method["runs"]):
                error = "nothing estimated" if run["error"] is None else f"{run['error']:.2f}"
                note = " (what fits)" if run is fits else ""
                times = f"{ratio(run['seconds'] / exact)} ({ratio(run['seconds'] / in_batch)})"
                rows.append((method["method"], f"{run['budget']:,}{note}", duration(run["seconds"]), times, error))
    return table(("", "values of the game", "time of one game", "times exact (of a batch)", "error"), rows)


def shortcuts(rows: list[dict]) -> list[str]:
    cells = (
        (
            row["variant"],
            f"{row['correlation']:.3f}",
            f"{row['sign_agreement']:.1%}",
            f"{row['relative_error']:.2f}",
            f"{row['bias']:.2f}",
            f"{row['best_cell_agreement']:.1%}",
        )
        for row in rows
    )
    return table(("", "correlation", "same sign", "relative error", "bias", "same best frame"), cells)


def ratio(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.2g}"


def duration(seconds: float) -> str:
    """Return two significant digits, in milliseconds below a tenth of a second."""
    number, unit = (1e3 * seconds, "ms") if seconds < 0.1 else (seconds, "s")
    return f"{float(f'{number:.2g}'):,g} {unit}"


TABLES: dict[str, tuple[tuple[str, ...], Callable[..., list[str]]]] = {
    "speed": (("exact", "all_pairs", "compiled"), speed),
    "parts": (("parts",), parts),
    "sampling": (("against_sampling",), sampling),
    "enumeration": (("against_shapiq",), enumeration),
    "equal-time": (("at_equal_time",), equal_time),
}
"""For every table the sections of games.json that it needs."""


if __name__ == "__main__":
    main()
