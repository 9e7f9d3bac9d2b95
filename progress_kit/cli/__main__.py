"""``python -m progress_kit.cli``."""

import sys

from progress_kit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
