"""The drop-in for `multiprocessing`; Interlock replaces nothing in this package itself yet."""

import multiprocessing as _std

from interlock._passthrough import mirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing import *

__replaces__: tuple[str, ...] = ()

mirror(__name__, _std, own=__replaces__)
