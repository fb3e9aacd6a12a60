"""The drop-in for `subprocess`, passed through whole: nothing in it is rebuilt yet.

The import system takes the module that it finds under this name after this code has run, so
``interlock.subprocess`` is the standard module itself.
"""

import subprocess as _std
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import *

sys.modules[__name__] = _std
