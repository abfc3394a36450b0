"""What every test obeys: the rule for root tests, and how hypothesis searches."""

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

CI = os.environ.get("LASTACK_CI") == "1"
FUZZ = os.environ.get("LASTACK_FUZZ") == "1"

# The same examples on every run and every machine; `make fuzz` looks for new ones.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fuzz", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("fuzz" if FUZZ else "ci")


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, which programs then inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a root test for a person without root."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root: run the suite with sudo, or leave it to .ci/run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a root test that skips, for whatever reason, has failed: nobody else will run it."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if CI and skipped and item.get_closest_marker("root"):
        report.outcome = "failed"
        report.longrepr = f"a root test was skipped in CI: {report.longrepr}"
    return report
