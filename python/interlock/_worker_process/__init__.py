"""The code of a pool's worker processes, in few modules that load little, and code that the parent shares with it."""
