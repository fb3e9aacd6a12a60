"""A thread blocks a signal for itself; later threads start with the mask of the thread that starts them."""

import signal
import threading

found = []


def block():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


def look():
    found.append(signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


for function in (block, look, look):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
print(found)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
thread = threading.Thread(target=look)
thread.start()
thread.join()
signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
print(found, signal.sigwait({signal.SIGUSR1}) == signal.SIGUSR1)
