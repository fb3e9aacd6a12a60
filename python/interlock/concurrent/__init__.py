"""The drop-in for `concurrent`; Interlock replaces nothing in this package itself yet."""

import concurrent as _std

from interlock._passthrough import mirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent import *

__replaces__: tuple[str, ...] = ()

mirror(__name__, _std, own=__replaces__)
