"""`multiprocessing.Pool` on the engine of process pools. `interlock.multiprocessing.pool` has the class."""
