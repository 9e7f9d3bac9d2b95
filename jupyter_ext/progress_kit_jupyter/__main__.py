"""``python -m progress_kit_jupyter``: a Jupyter server with the hub in it."""

from progress_kit_jupyter.app import ProgressKit

if __name__ == "__main__":
    ProgressKit.launch_instance()  # type: ignore[no-untyped-call]
