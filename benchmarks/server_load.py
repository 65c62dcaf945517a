"""How `hbi serve` holds out when many search beside slow senders and uploads.

    python benchmarks/server_load.py                        # 50 clients for 30 seconds
    python benchmarks/server_load.py --clients 8 --seconds 5

A small index is made with an untrained network. Every client asks for a search on a connection of its own, waits for
the answer, and asks the next. Beside them, four senders (nothing at all, a head, an upload and a header of which a byte
comes now and then) are let go and come again, and two clients upload a clip of 1,000 pictures a second over and over.
Then SIGTERM, with an upload half sent.

Prints answers a second, p50, p99, every status, and how long the end took; writes
benchmarks/results/server_load.json.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np
import torch

from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching import Matcher
from hbi.models import HBIConfig, HBIModel
from hbi.models.processor import HBIProcessor
from hbi.search import VideoIndex
from hbi.search.calibration import unrelated_texts

RESULTS = Path(__file__).parent / "results" / "server_load.json"
NUM_VIDEOS, SECONDS_EACH, SIZE = 8, 20, 64
NUM_FRAMES, IMAGE_SIZE, WIDTH = 6, 32, 64
CORPUS = ["a red square moves left and right", "the green circle falls down", "two dogs run over wet sand at night"]
UPLOAD_RATE, UPLOAD_SECONDS = 1000, 20
END_SECONDS = 10
BOUNDARY = "b0und"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index = make_index(Path(scratch))
        num_segments = index.snapshot().num_segments
        clip = write_clip(Path(scratch) / "upload.mp4", UPLOAD_SECONDS, UPLOAD_RATE, seed=99).read_bytes()
        with serving(index.path, Path(scratch) / "log") as (process, port):
            load = Load(port, unrelated_texts(index.matcher), clip, arguments.seconds)
            load.run(arguments.clients)
            end_seconds = ended(process, port, clip)
        num_faults = Path(scratch, "log").read_text().count("Traceback")
    times = load.seconds or [float("nan")]
    result = {
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "segments": num_segments,
        "searches": dict(load.searches),
        "searches_per_second": len(load.seconds) / arguments.seconds,
        "p50_ms": 1000 * float(np.percentile(times, 50)),
        "p99_ms": 1000 * float(np.percentile(times, 99)),
        "longest_ms": 1000 * max(times),
        "uploads": dict(load.uploads),
        "slow_senders_let_go": load.num_let_go,
        "seconds_to_end_with_a_half_sent_upload": end_seconds,
        "tracebacks": num_faults,
        "cores": len(os.sched_getaffinity(0)),
        "load_of_machine": os.getloadavg()[0],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    if set(load.searches) != {"200"} or num_faults or end_seconds > END_SECONDS:
        sys.exit("not every search was answered, or the server did not end in time")


class Load:
    """What clients ask of a server at once, and what came of it."""

    def __init__(self, port: int, texts: list[str], clip: bytes, for_seconds: float) -> None:
        self._port, self._texts, self._upload = port, texts, upload(clip)
        self._for_seconds, self._until = for_seconds, 0.0
        self.seconds: list[float] = []
        self.searches: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.num_let_go = 0

    def run(self, num_clients: int) -> None:
        self._until = time.monotonic() + self._for_seconds
        starts = (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", self._upload[:2000], b"GET / HTTP/1.1\r\nX: ")
        work: list[Callable[[], None]] = [lambda number=number: self._search(number) for number in range(num_clients)]
        work += [self._send_uploads] * 2 + [lambda start=start: self._send_slowly(start) for start in starts]
        threads = [threading.Thread(target=each) for each in work]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def _search(self, number: int) -> None:
        while time.monotonic() < self._until:
            number += 1
            path = f"/api/search?q={quote(self._texts[number % len(self._texts)])}"
            begun = time.perf_counter()
            self.searches[self._status("GET", path)] += 1
            self.seconds.append(time.perf_counter() - begun)

    def _status(self, method: str, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def _send_uploads(self) -> None:
        while time.monotonic() < self._until:
            with socket.create_connection(("127.0.0.1", self._port), timeout=120) as connection:
                try:
                    connection.sendall(self._upload)
                    self.uploads[connection.recv(4096).split(b" ")[1].decode()] += 1
                except OSError as error:
                    self.uploads[type(error).__name__] += 1

    def _send_slowly(self, start: bytes) -> None:
        while time.monotonic() < self._until:
            with socket.create_connection(("127.0.0.1", self._port)) as connection, suppress(OSError):
                connection.sendall(start)
                connection.settimeout(0.5)
                while time.monotonic() < self._until:
                    try:
                        if not connection.recv(4096):
                            raise ConnectionError
                    except TimeoutError:
                        connection.sendall(b"x" if start else b"")
                    except OSError:
                        self.num_let_go += 1
                        break


def ended(process: subprocess.Popen, port: int, clip: bytes) -> float:
    """Return how many seconds the server takes to end while an upload is half sent."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(upload(clip)[: len(clip) // 2])
        begun = time.monotonic()
        process.terminate()
        process.wait(120)
        return time.monotonic() - begun


def upload(clip: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\na red square\r\n--{BOUNDARY}\r\n'
    head += 'Content-Disposition: form-data; name="clip"; filename="clip.mp4"\r\n\r\n'
    body = head.encode() + clip + f"\r\n--{BOUNDARY}--\r\n".encode()
    lines = ("POST /api/explain HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}")
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    return "\r\n".join([*lines, kind, "", ""]).encode() + body


@contextmanager
def serving(index: Path, log: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    command = [Path(sys.executable).with_name("hbi"), "serve", index, "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "300"}
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        try:
            line = process.stdout.readline()
            address = next(word for word in line.split() if word.startswith("http://"))
            yield process, int(address.rstrip("/").rpartition(":")[2])
        finally:
            process.kill()


def make_index(folder: Path) -> VideoIndex:
    for number in range(NUM_VIDEOS):
        write_clip(folder / "videos" / f"{number}.mp4", SECONDS_EACH, 8, seed=number)
    tokenizer = train_tokenizer(CORPUS)
    tower = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = tower | marks | {"vocab_size": len(tokenizer), "projection_dim": WIDTH}
    vision = tower | {"image_size": IMAGE_SIZE, "patch_size": 16, "projection_dim": WIDTH}
    config = HBIConfig(
        encoder_config={"projection_dim": WIDTH, "text_config": text, "vision_config": vision}, max_frames=NUM_FRAMES
    )
    torch.manual_seed(0)
    model = Matcher(HBIModel(config).eval(), HBIProcessor.for_model(config, tokenizer), "untrained")
    index = VideoIndex.create(folder / "index", model)
    index.add([folder / "videos"])
    return index


def write_clip(path: Path, seconds: float, rate: int, *, seed: int) -> Path:
    """A clip of drifting colors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colors = np.random.default_rng(seed).integers(0, 255, (2, 3))
    count = round(seconds * rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            picture = np.empty((SIZE, SIZE, 3), np.uint8)
            picture[:] = colors[0] + (colors[1] - colors[0]) * number / count
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main()
