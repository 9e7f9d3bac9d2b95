"""As `tqdm.contrib.concurrent`: a pool's `map` with a bar."""

from functools import partial

from tqdm.contrib.concurrent import process_map as _process_map
from tqdm.contrib.concurrent import thread_map as _thread_map

from progress_kit.tqdm.auto import tqdm

__all__ = ["process_map", "thread_map"]

thread_map = partial(_thread_map, tqdm_class=tqdm)
process_map = partial(_process_map, tqdm_class=tqdm)
