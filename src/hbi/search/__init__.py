"""Your own videos, searchable: an index of moments, exact ranking, a score that says how unusual it is."""

from hbi.search.filters import Filters
from hbi.search.index_errors import SearchError
from hbi.search.results import Hit, SearchResult, WordMatch
from hbi.search.video_index import VideoIndex

__all__ = ["Filters", "Hit", "SearchError", "SearchResult", "VideoIndex", "WordMatch"]
