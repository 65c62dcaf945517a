"""What a notebook shows of an explanation or a comparison."""

from functools import singledispatch


@singledispatch
def notebook_html(shown: object) -> str:
    """Return the output of a cell as HTML.

    `hbi.explanation.html.page` registers how each type is shown, so that the types need not know of HTML.
    """
    raise TypeError(f"a {type(shown).__name__} has no view in a notebook")
