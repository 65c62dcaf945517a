"""The server: uvicorn, with the port announced once connections are accepted, and an end within seconds."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from hbi.search import SearchError

BACKLOG = 128
STOP_SECONDS = 4.0
"""How long answers that are under way may take once the server is told to stop."""


def run_server(app: Any, host: str, port: int, announce: Callable[[int], None]) -> None:
    """Serve until interrupted; `announce` gets the port once connections are taken.

    SIGTERM and Ctrl+C end it within ten seconds, whatever is under way.

    Raises:
        SearchError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "the name is none"
            raise SearchError(f"cannot listen on {host}:{port} ({reason}): choose another --port or --host") from error
        server = make_server(app)
        listener.listen(BACKLOG)  # from here on connections are taken, if not yet answered
        announce(listener.getsockname()[1])
        app.state.context.start()  # while nobody asks yet
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        listener.close()


def make_server(app: Any, **options: Any) -> Any:
    """Return a `uvicorn.Server` of an application of `create_app`, bounded; `options` are those of `uvicorn.Config`."""
    import uvicorn

    from hbi.web.connections import Connection

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """End what waits for others at once, and what computes soon."""
            for server in self.servers:
                server.close()
            for connection in list(self.server_state.connections):
                if connection.is_receiving:
                    connection.drop()
            tasks = self.server_state.tasks
            if tasks:
                await asyncio.wait(set(tasks), timeout=STOP_SECONDS)
            app.state.context.close()
            if tasks:  # they are told so, and clean up
                await asyncio.wait(set(tasks), timeout=1.0)
            for connection in list(self.server_state.connections):
                connection.drop()
            await super().shutdown(sockets)

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what a client sends is no fault of the server
    limits: dict[str, Any] = {"timeout_keep_alive": 10, "timeout_graceful_shutdown": 2, "backlog": BACKLOG}
    quiet: dict[str, Any] = {"log_level": "error", "server_header": False, "ws": "none", "lifespan": "off"}
    return Server(uvicorn.Config(app, http=Connection, **limits | quiet | options))
