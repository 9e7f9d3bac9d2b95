"""The version of progress_kit, as it was installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("progress-kit")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0.0.0"
