"""As `tqdm.contrib`: `enumerate`, `zip` and `map` with a bar."""

from functools import partial

from tqdm.contrib import DummyTqdmFile
from tqdm.contrib import tenumerate as _tenumerate
from tqdm.contrib import tmap as _tmap
from tqdm.contrib import tzip as _tzip

from progress_kit.tqdm.auto import tqdm

__all__ = ["DummyTqdmFile", "tenumerate", "tmap", "tzip"]

tenumerate = partial(_tenumerate, tqdm_class=tqdm)
tmap = partial(_tmap, tqdm_class=tqdm)
tzip = partial(_tzip, tqdm_class=tqdm)
