"""How `hbi serve` holds out when many search at once.

    python benchmarks/serving.py INDEX                      # 50 users for a minute
    python benchmarks/serving.py INDEX --users 8 --seconds 10

Every user asks for a search, waits for the answer, and asks the next: texts of random words of the index's model.
Prints answers a second, p50 and p99, and every answer that was not 200; writes benchmarks/results/serving.json.
"""

import argparse
import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np

from hbi.search import VideoIndex
from hbi.search.calibration import unrelated_texts

RESULTS = Path(__file__).parent / "results" / "serving.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    index = VideoIndex.open(arguments.index)
    texts = unrelated_texts(index.matcher)
    command = [Path(sys.executable).with_name("hbi"), "serve", arguments.index, "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "300"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            line = server.stdout.readline()
            address = next(word for word in line.split() if word.startswith("http://"))
            seconds, statuses = load(address, texts, arguments.users, arguments.seconds)
        finally:
            server.terminate()
    result = {
        "segments": index.snapshot().num_segments,
        "users": arguments.users,
        "seconds": arguments.seconds,
        "answers_per_second": len(seconds) / arguments.seconds,
        "p50_ms": 1000 * float(np.percentile(seconds, 50)),
        "p99_ms": 1000 * float(np.percentile(seconds, 99)),
        "statuses": {str(status): count for status, count in statuses.items()},
        "cores": len(os.sched_getaffinity(0)),
        "load_of_machine": os.getloadavg()[0],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def load(address: str, texts: list[str], num_users: int, for_seconds: float) -> tuple[list[float], Counter]:
    """Return how long every answer took, and how often each status came."""
    seconds: list[float] = []
    statuses: Counter = Counter()
    until = time.monotonic() + for_seconds

    def user(number: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        for text in itertools.islice(itertools.cycle(texts), number, None):
            if time.monotonic() > until:
                return
            begun = time.perf_counter()
            try:
                connection.request("GET", f"/api/search?q={quote(text)}")
                answer = connection.getresponse()
                answer.read()
                statuses[answer.status] += 1
            except OSError as error:
                statuses[type(error).__name__] += 1
                connection.close()
            seconds.append(time.perf_counter() - begun)

    users = [threading.Thread(target=user, args=(number,)) for number in range(num_users)]
    for each in users:
        each.start()
    for each in users:
        each.join()
    return seconds, statuses


if __name__ == "__main__":
    main()
