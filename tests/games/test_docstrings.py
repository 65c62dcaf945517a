"""Every public name of this room shows an example, and the examples are true."""

import doctest
import sys

import pytest

import hbi.games

NEEDS_SHAPIQ = {"to_shapiq", "from_shapiq", "interactions_to_shapiq", "interactions_from_shapiq"}


@pytest.mark.parametrize("name", hbi.games.__all__)
def test_example(name):
    if name in NEEDS_SHAPIQ:
        pytest.importorskip("shapiq")
    public = getattr(hbi.games, name)
    tests = doctest.DocTestFinder().find(public, name, globs=vars(sys.modules[public.__module__]).copy())
    assert any(test.examples for test in tests)
    report: list[str] = []
    for test in tests:
        doctest.DocTestRunner().run(test, out=report.append)
    assert not report, "".join(report)
