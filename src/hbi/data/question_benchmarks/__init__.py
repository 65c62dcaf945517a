"""The question answering benchmarks, by name."""

from hbi.data.annotation_files import did_you_mean
from hbi.data.question_benchmark import QuestionBenchmark
from hbi.data.question_benchmarks import activitynet_qa, msrvtt_qa, msvd_qa, tgif_qa
from hbi.data.samples import DataError

QUESTION_BENCHMARKS: dict[str, QuestionBenchmark] = {
    module.BENCHMARK.name: module.BENCHMARK for module in (msrvtt_qa, msvd_qa, activitynet_qa, tgif_qa)
}


def find_question_benchmark(name: str) -> QuestionBenchmark:
    """Return the benchmark of a name; DataError that names the nearest one where there is none."""
    if name not in QUESTION_BENCHMARKS:
        raise DataError(f"{name!r} asks no questions{did_you_mean(name, QUESTION_BENCHMARKS)}")
    return QUESTION_BENCHMARKS[name]
