"""A pytest plugin: joblib is captured while its own tests run."""

import progress_kit as pk

pk.capture("joblib")
