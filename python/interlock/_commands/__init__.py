"""`subprocess` on the engine; `interlock.subprocess` has the names."""
