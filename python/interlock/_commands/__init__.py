"""`subprocess` on the engine; `interlock.subprocess` exports the names."""
