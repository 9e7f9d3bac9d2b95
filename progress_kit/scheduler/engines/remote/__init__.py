"""What a job needs that runs in another process: the worker's side, and what travels between the two."""
