"""A real `hbi serve`, and clients that are slow, broken or simply many."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HBI = Path(sys.executable).with_name("hbi")


@dataclass(frozen=True)
class Running:
    """A server: its process, where it is, and the file with what it said on stderr."""

    process: subprocess.Popen
    address: str
    log: Path

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        return parts.hostname, parts.port

    def connect(self, begin: bytes = b"") -> socket.socket:
        """A connection on which something was sent already."""
        connection = socket.create_connection(self.place, timeout=60)
        connection.sendall(begin)
        return connection

    def answer(self, request: bytes, seconds: float = 60) -> bytes:
        """All that comes until the server closes, or nothing more comes."""
        with self.connect(request) as connection:
            return all_of(connection, seconds)

    def search(self, text: str = "red", **headers: str) -> int:
        """The status of a search on a connection of its own."""
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"GET /api/search?q={text} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{told}\r\n"
        return status_of(self.answer(request.encode()))


def all_of(connection: socket.socket, seconds: float = 60) -> bytes:
    received, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and select.select([connection], [], [], left)[0]:
        try:
            part = connection.recv(2**16)
        except ConnectionError:
            break
        if not part:
            break
        received += part
    return received


def status_of(answer: bytes) -> int:
    """The status of an answer, 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def is_closed(connection: socket.socket, seconds: float) -> bool:
    """Whether the server closes a connection in time, whatever it says before."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([connection], [], [], left)[0]:
            try:
                if not connection.recv(2**16):
                    return True
            except ConnectionError:
                return True
    return False


def upload(name: str, content: bytes, text: str = "red", boundary: str = "b0und") -> bytes:
    """The request that has a clip explained."""
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="text"\r\n\r\n{text}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="clip"; filename="{name}"\r\n\r\n'
    ).encode()
    body = parts + content + f"\r\n--{boundary}--\r\n".encode()
    head = (
        f"POST /api/explain HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n"
    )
    return head.encode() + body


def error_of(answer: bytes) -> str:
    """What a refusal says, in one line."""
    said = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert "\n" not in said
    return said


@contextmanager
def running(index: Path, log: Path, *options: str, **environment: str) -> Iterator[Running]:
    """`hbi serve` of an index; killed afterwards where it still runs."""
    variables = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "300"} | environment
    command = [str(HBI), "serve", str(index), "--port", "0", *options]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            line = process.stdout.readline()
            address = next((word for word in line.split() if word.startswith("http://")), None)
            assert address, log.read_text()
            yield Running(process, address.split("?")[0], log)
        finally:
            process.kill()
