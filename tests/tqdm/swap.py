"""A pytest plugin for tqdm's own tests: their modules have our class in place of theirs before a test imports them."""

import importlib
import sys

import tqdm

from progress_kit.tqdm import std as ours

KEPT = {"tqdm.std", "tqdm.utils", "tqdm.version", "tqdm._monitor"}

imported = [name for name in sys.modules if name.startswith("tqdm.") and name not in KEPT]
for module in (tqdm, tqdm.std):
    module.tqdm, module.trange = ours.tqdm, ours.trange
# What was imported along with tqdm is built anew, on top of ours.
for name in imported:
    importlib.reload(sys.modules[name])
