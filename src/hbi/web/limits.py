"""What a client may ask of the server, and what it is told where it asks for more."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_query_characters: Of a text.
        max_parameter_characters: Of any other parameter: a path, a pattern, a day, a number.
        max_address_bytes: Of the path and the query of an address.
        max_header_bytes: Of all headers.
        max_upload_bytes: Of a request's body.
        max_clip_seconds, max_clip_pixels: Of an uploaded clip, and of one frame of it.
        max_clip_frames: Of an uploaded clip, whatever length it claims.
        max_cut_seconds: Of a moment that is cut out; a longer one is cut short.
        max_converted_pixels: Of all pictures of a video that is converted as a whole, because a browser does not play
            it; of a larger one only the moment is converted.
        max_kept_bytes: Of clips and converted videos that are kept, in a temporary folder, for the next request.
        num_concurrent: Searches that compute at the same time. Explanations of moments, and uploads with cutting, are
            done one at a time each: they take nothing from searches.
        num_waiting: Requests that may wait for their turn; more are told to come back.
        num_receiving: Bodies that are received at the same time.
        seconds: How long one request may compute, waiting not counted.
        wait_seconds: How long one may wait.
        body_timeout_seconds: How long a client may be silent, and how long its body may take at first.
        min_bytes_per_second: How fast a body must come after that.
    """

    max_query_characters: int = 500
    max_parameter_characters: int = 1024
    max_address_bytes: int = 2**14
    max_header_bytes: int = 2**15
    max_upload_bytes: int = 200 * 2**20
    max_clip_seconds: float = 600.0
    max_clip_pixels: int = 2**24
    max_clip_frames: int = 36_000
    max_cut_seconds: float = 120.0
    max_converted_pixels: float = 6e8
    max_kept_bytes: int = 2**29
    num_concurrent: int = 2
    num_waiting: int = 256
    num_receiving: int = 16
    seconds: float = 60.0
    wait_seconds: float = 30.0
    body_timeout_seconds: float = 10.0
    min_bytes_per_second: int = 2**15


class RequestError(Exception):
    """A request that is refused: an HTTP status, and one line for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)
