"""`multiprocessing.Pool` on the engine of process pools. `interlock.multiprocessing.pool` exports the class."""
