"""The command line in the process of the tests: quicker than a process of its own for each call."""

import sys

import pytest

from hbi.cli.app import main
from hbi.cli.terminal import console


@pytest.fixture
def hbi(monkeypatch, capsys):
    """Runs `hbi` with arguments; gives its exit code and what it printed on both streams."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hbi", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "1000")
        monkeypatch.setattr(console, "width", 1000)
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
