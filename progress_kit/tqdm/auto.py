"""As `tqdm.auto`. Where an operation is drawn is not decided here, so it is the asynchronous bar, everywhere."""

from progress_kit.tqdm.asyncio import tqdm, trange

__all__ = ["tqdm", "trange"]
