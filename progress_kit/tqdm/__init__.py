"""tqdm's names, for an import that changes by one word: what shows progress there is an operation here.

    from progress_kit.tqdm import tqdm, trange

The modules are tqdm's too: `auto`, `notebook`, `asyncio`, `contrib` with `concurrent`, `itertools` and `logging`. Needs
tqdm itself (``pip install 'progress-kit[tqdm]'``).
"""

from progress_kit.tqdm.std import (
    TqdmDeprecationWarning,
    TqdmExperimentalWarning,
    TqdmKeyError,
    TqdmMonitorWarning,
    TqdmTypeError,
    TqdmWarning,
    tqdm,
    trange,
)

__all__ = [
    "TqdmDeprecationWarning",
    "TqdmExperimentalWarning",
    "TqdmKeyError",
    "TqdmMonitorWarning",
    "TqdmTypeError",
    "TqdmWarning",
    "tqdm",
    "trange",
]
