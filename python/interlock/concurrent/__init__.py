"""The drop-in for `concurrent`, passed through whole: nothing in it is rebuilt yet."""

import concurrent as _std

from interlock._passthrough import mirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent import *

__replaces__: tuple[str, ...] = ()

mirror(__name__, _std, own=__replaces__)
