"""The readers of the benchmarks, a module each: a file in this folder with a `BENCHMARK` is a benchmark.

Installed packages can bring more (`hbi.plugins`). A name that is ours stays ours.
"""

from importlib import import_module
from pkgutil import iter_modules

from hbi.data.benchmark import Benchmark, Protocol
from hbi.data.samples import DataError
from hbi.errors import nearest_or_all
from hbi.plugins import load_plugin, plugin_names


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks that can be read."""
    return sorted({*_own_names(), *plugin_names("hbi.benchmarks")})


def find_benchmark(name: str, *, asks_questions: bool | None = None) -> Benchmark:
    """Return the benchmark of a name.

    Args:
        asks_questions: Whether it must be one of questions or of captions; None: either will do.

    Raises:
        DataError: There is none, or it is one of the other kind.
    """
    names = benchmark_names()
    if name not in names:
        raise DataError(f"no data set {name!r}{nearest_or_all(name, names)}")
    benchmark = _open(name)
    if asks_questions not in (None, benchmark.asks_questions):
        others = [each for each in names if _open(each).asks_questions == asks_questions]
        problem = "asks no questions" if asks_questions else "asks questions and has no captions"
        raise DataError(f"{name!r} {problem}{nearest_or_all(name, others)}")
    return benchmark


def find_protocol(benchmark: Benchmark, name: str | None) -> Protocol | None:
    """Return the protocol of a name, the usual one for None, None where the benchmark has none."""
    names = [protocol.name for protocol in benchmark.protocols]
    if name is None:
        return benchmark.protocols[0] if benchmark.protocols else None
    if name not in names:
        raise DataError(f"{benchmark.title} has no protocol {name!r}{nearest_or_all(name, names)}")
    return benchmark.protocols[names.index(name)]


def _own_names() -> set[str]:
    return {module.name.replace("_", "-") for module in iter_modules(__path__)}


def _open(name: str) -> Benchmark:
    if name in _own_names():
        return import_module(f"{__name__}.{name.replace('-', '_')}").BENCHMARK
    return load_plugin("hbi.benchmarks", name, Benchmark)
