"""pytest's way in: the option, and nothing of lastack until it is given.

pytest imports this at every start of every test run, in every project that has lastack installed.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --lastack-endings."""
    text = "report what tests do wrong when they close TCP sockets (Linux)"
    parser.getgroup("lastack").addoption("--lastack-endings", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugin itself, if it was asked for."""
    if config.getoption("--lastack-endings"):
        from lastack.pytest_plugin import Endings

        config.pluginmanager.register(Endings(), "lastack-endings")
