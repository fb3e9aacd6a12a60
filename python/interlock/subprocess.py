"""The drop-in for `subprocess`: the standard module itself, since Interlock replaces nothing in it yet.

The import system takes the module that it finds under this name after this code has run.
"""

import subprocess as _std
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import *

sys.modules[__name__] = _std
