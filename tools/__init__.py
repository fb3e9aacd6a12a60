"""The house's own small tools; what the tasks run is in noxfile.py."""
