"""Explanations as HTML: sections, and self-contained pages of one or several of them."""
