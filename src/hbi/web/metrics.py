"""Counts and times of requests, in the text format that Prometheus reads."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hbi.web.request_body import Application, Message, Receive, Send

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds."""


@dataclass
class Metrics:
    """What a server has done since it started."""

    counts: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    buckets: dict[tuple[str, float], int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the pattern of its path, never what was asked."""
        with self._lock:
            self.counts[route, status] += 1
            self.seconds[route] += seconds
            for bound in BOUNDS:
                self.buckets[route, bound] += seconds <= bound

    def text(self, gauges: Mapping[str, float]) -> str:
        """Return everything as text, `gauges` (what is so now) first."""
        lines = []
        for name, value in gauges.items():
            lines += [f"# TYPE hbi_{name} gauge", f"hbi_{name} {value:g}"]
        with self._lock:
            lines.append("# TYPE hbi_requests_total counter")
            lines += [
                f'hbi_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self.counts.items())
            ]
            lines.append("# TYPE hbi_request_seconds histogram")
            for route in sorted(self.seconds):
                total = sum(count for (name, _), count in self.counts.items() if name == route)
                lines += [
                    f'hbi_request_seconds_bucket{{route="{route}",le="{bound:g}"}} {self.buckets[route, bound]}'
                    for bound in BOUNDS
                ]
                lines.append(f'hbi_request_seconds_bucket{{route="{route}",le="+Inf"}} {total}')
                lines.append(f'hbi_request_seconds_sum{{route="{route}"}} {self.seconds[route]:.6f}')
                lines.append(f'hbi_request_seconds_count{{route="{route}"}} {total}')
        return "\n".join(lines) + "\n"


class MetricsMiddleware:
    """ASGI middleware that counts requests by the route that answered."""

    def __init__(self, app: Application, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun, status = time.perf_counter(), 500

        async def recording(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, recording)
        finally:
            if scope["type"] == "http":
                route = getattr(scope.get("route"), "path", "unknown")
                self._metrics.record(route, status, time.perf_counter() - begun)
