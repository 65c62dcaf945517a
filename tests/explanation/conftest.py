"""Fixtures that hand out made-up explanations, and open pages in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explanation.made_up import build_explanation, extremes
from hbi.explanation import Explanation

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def make_explanation() -> Callable[..., Explanation]:
    return build_explanation


@pytest.fixture(params=sorted(extremes()))
def extreme(request: pytest.FixtureRequest) -> Explanation:
    return extremes()[request.param]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from in_chromium import running_chromium

    with running_chromium() as running:
        yield running


@pytest.fixture
def open_page(browser: "Browser", tmp_path: Path) -> "Iterator[Callable[..., Page]]":
    """Opens markup from disk; afterwards no request has left the page and no complaint was made."""
    requests, complaints, contexts = [], [], []

    def open_markup(markup: str, *, width: int = 1280, **options: object) -> "Page":
        file = Path(tmp_path, "page.html")
        file.write_text(markup, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        opened = context.new_page()
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("dialog", lambda dialog: complaints.append("a dialog opened"))
        opened.goto(file.as_uri())
        return opened

    yield open_markup
    for context in contexts:
        context.close()
    assert all(url.startswith(("file:", "data:")) for url in requests), requests
    assert complaints == []


@pytest.fixture
def open_experts(open_page: "Callable[..., Page]") -> "Callable[..., Page]":
    """Opens markup as `open_page` does, and in it the interactions, which stand behind a control."""

    def open_markup(markup: str, **options: object) -> "Page":
        opened = open_page(markup, **options)
        for control in opened.locator(".hbi-experts > summary").all():
            control.click()
        return opened

    return open_markup


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of H.264."""
    import av

    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for index in range(24):
            picture = np.full((32, 48, 3), 10 * index, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
