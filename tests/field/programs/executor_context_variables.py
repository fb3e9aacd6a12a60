"""The program passes context variables by hand with copy_context().run; threads do not share thread-locals."""

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

user, local = contextvars.ContextVar("user", default="nobody"), threading.local()
user.set("ann")
local.value = "main"


def look():
    return user.get(), getattr(local, "value", None)


with ThreadPoolExecutor(1) as pool:
    print(pool.submit(contextvars.copy_context().run, look).result())
    print(pool.submit(user.set, "bob").result().var is user)
    print(pool.submit(contextvars.Context().run, look).result())
print(look())
