"""Is a data set what it should be? Sizes, files, captions and the borders between splits."""

from hbi.data.checking.check import check_benchmark
from hbi.data.checking.report import BenchmarkReport, SplitReport

__all__ = ["BenchmarkReport", "SplitReport", "check_benchmark"]
