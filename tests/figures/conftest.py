"""The made-up explanations, as the tests of the explanations have them."""

from explanation.conftest import extreme, make_explanation

__all__ = ["extreme", "make_explanation"]
