"""As `tqdm.contrib.logging`: what is logged to the console does not run into the bars."""

from functools import partial

from tqdm.contrib.logging import logging_redirect_tqdm as _logging_redirect_tqdm
from tqdm.contrib.logging import tqdm_logging_redirect as _tqdm_logging_redirect

from progress_kit.tqdm.std import tqdm

__all__ = ["logging_redirect_tqdm", "tqdm_logging_redirect"]

logging_redirect_tqdm = partial(_logging_redirect_tqdm, tqdm_class=tqdm)
tqdm_logging_redirect = partial(_tqdm_logging_redirect, tqdm_class=tqdm)
