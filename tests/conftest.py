"""What all tests share: a run of the continuous integration that skips a test has failed."""

import os

import pytest
from hypothesis import settings

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("progress_kit", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("progress_kit")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under `CI=true` every test has to run: what was skipped counts as failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("")
        reporter.write_line("CI=true: tests were skipped, see the reasons below", red=True)
