"""As `tqdm.autonotebook`, without its warning."""

from progress_kit.tqdm.asyncio import tqdm, trange

__all__ = ["tqdm", "trange"]
