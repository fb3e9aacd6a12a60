"""The house's rules as checks: `python -m tools.tidy`.

Each invariant of ARCHITECTURE.md and each countable rule of style is one function, registered with its id. A
check reads the tree, never runs it, and knows no other check. What a program cannot see, its docstring says.
"""
