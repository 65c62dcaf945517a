"""Pages of an answer, its order, and moments like one that was found."""

import os

import pytest

from hbi.search import Filters, SearchError, VideoIndex
from hbi.search.answering import Part
from small_clips import write_clip

TEXT = "a red square moves"


@pytest.fixture(scope="module")
def many(matcher, tmp_path_factory) -> VideoIndex:
    """Twelve videos of one segment and one of several; the last names were changed first."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(12):
        path = write_clip(folder / "videos" / f"{number:02d}.mp4", seconds=2, seed=number)
        os.utime(path, (1e9 - 1000 * number,) * 2)
    os.utime(write_clip(folder / "videos" / "long.mp4", seconds=30, seed=50), (1e9 + 1, 1e9 + 1))
    index = VideoIndex.create(folder / "index", matcher)
    index.add([folder / "videos"])
    return index


@pytest.mark.parametrize("order", ["match", "newest", "name"])
def test_pages_side_by_side_are_the_whole(many, order):
    whole = many.search(TEXT, limit=100, order=order)
    assert len(whole.hits) >= 13
    assert (whole.offset, whole.has_more) == (0, False)
    pages = [many.search(TEXT, limit=4, offset=offset, order=order) for offset in range(0, 24, 4)]
    assert tuple(hit for page in pages for hit in page.hits) == whole.hits
    assert [page.has_more for page in pages] == [4 * (number + 1) < len(whole.hits) for number in range(6)]
    assert [page.offset for page in pages] == list(range(0, 24, 4))


def test_good_ones_come_in_the_order_that_was_asked_for_and_the_others_behind_them(many):
    best_first = many.search(TEXT, limit=100, threshold=0.02).hits
    good = [hit for hit in best_first if hit.is_good]
    assert 2 <= len(good) < len(best_first), "a threshold for this test calls some good, some not"
    others = [hit for hit in best_first if not hit.is_good]
    by_name = many.search(TEXT, limit=100, threshold=0.02, order="name").hits
    assert list(by_name) == sorted(good, key=lambda hit: (hit.path.name, hit.start_seconds)) + others
    newest = many.search(TEXT, limit=100, threshold=0.02, order="newest").hits
    assert list(newest) == sorted(good, key=lambda hit: (-os.stat(hit.path).st_mtime, hit.start_seconds)) + others


def test_a_part_that_makes_no_sense():
    for wrong in ({"limit": -1}, {"offset": -1}, {"order": "size"}):
        with pytest.raises(ValueError, match=r"0 or more|order is match"):
            Part(**wrong)


def test_more_like_a_moment_is_what_a_search_with_its_frames_finds_but_for_itself(many):
    hit = many.search(TEXT, limit=1).hits[0]
    like = many.more_like(hit.segment_id, limit=5)
    span = {"start_seconds": hit.segment_start_seconds, "end_seconds": hit.segment_end_seconds}
    from_file = many.search_like(hit.path, limit=20, **span).hits
    expected = [other.segment_id for other in from_file if other.segment_id != hit.segment_id]
    assert [other.segment_id for other in like.hits] == expected[:5]
    assert all(not other.words and "of 100 moments" in other.reason for other in like.hits)
    assert like.query.startswith(f"{hit.path.name}, 0:")
    pages = [other for offset in (0, 2) for other in many.more_like(hit.segment_id, limit=2, offset=offset).hits]
    assert tuple(pages) == like.hits[:4]
    only = many.more_like(hit.segment_id, filters=Filters(path="*03.mp4")).hits
    assert [other.path.name for other in only] == (["03.mp4"] if hit.path.name != "03.mp4" else [])


def test_more_like_what_is_not_there(many):
    for unknown in ("", "x", "' OR 1=1 --"):
        with pytest.raises(SearchError, match=r"no such moment"):
            many.more_like(unknown)
