"""The readers of the benchmarks, a module each: a file in this folder with a `BENCHMARK` is a benchmark."""

from importlib import import_module
from pkgutil import iter_modules

from hbi.data.annotation_files import did_you_mean
from hbi.data.benchmark import Benchmark, Protocol
from hbi.data.samples import DataError


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks that can be read."""
    return sorted(module.name for module in iter_modules(__path__))


def find_benchmark(name: str) -> Benchmark:
    """Return the benchmark of a name; DataError where there is none."""
    if name not in benchmark_names():
        raise DataError(f"no data set {name!r}{did_you_mean(name, benchmark_names())}")
    return import_module(f"{__name__}.{name}").BENCHMARK


def find_protocol(benchmark: Benchmark, name: str | None) -> Protocol | None:
    """Return the protocol of a name, the usual one for None, None where the benchmark has none."""
    names = [protocol.name for protocol in benchmark.protocols]
    if name is None:
        return benchmark.protocols[0] if benchmark.protocols else None
    if name not in names:
        raise DataError(f"{benchmark.title} has no protocol {name!r}{did_you_mean(name, names)}")
    return benchmark.protocols[names.index(name)]
