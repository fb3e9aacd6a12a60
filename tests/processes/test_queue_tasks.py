"""Tasks of event loops wait for queues that processes share."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_tasks_and_processes_share_a_queue(run: Run, method: str) -> None:
    run(
        """
        import asyncio
        import multiprocessing
        import threading

        def child(there, back):
            asyncio.run(echo(there, back))

        async def echo(there, back):
            while (item := await there.aget()) is not None:
                await back.aput(item)

        async def talk(there, back):
            async def send():
                for number in range(500):
                    await there.aput(number)
                await there.aput(None)

            sender = asyncio.create_task(send())
            got = [await back.aget() for _ in range(500)]
            await sender
            watchers = [thread for thread in threading.enumerate() if thread.name == "QueueWatcherThread"]
            assert len(watchers) <= 1
            return got

        def main():
            ctx = multiprocessing.get_context(METHOD)
            there, back = ctx.Queue(3), ctx.Queue(1)
            process = ctx.Process(target=child, args=(there, back))
            process.start()
            assert asyncio.run(talk(there, back)) == list(range(500))
            process.join()
            assert process.exitcode == 0 and there.empty() and back.empty()
            assert not there._interlock_lines and not back._interlock_lines
        """,
        method,
    )


def test_many_tasks_wait_with_one_thread(run: Run) -> None:
    run(
        """
        import asyncio
        import multiprocessing
        import threading

        TASKS, QUEUES = 20, 150

        def child(queues, go):
            go.wait()
            for queue in queues:
                queue.put_many(range(TASKS))

        async def wait_for_all(queues, go):
            tasks = [asyncio.create_task(queue.aget()) for queue in queues for _ in range(TASKS)]
            await asyncio.sleep(0)  # each task has come to its wait
            lines = [line for queue in queues for line in queue._interlock_lines.values()]
            assert [len(line._waiting) for line in lines] == [TASKS] * QUEUES
            names = [thread.name for thread in threading.enumerate()]
            assert names.count("QueueWatcherThread") == 2, names  # one for every 127 queues
            go.set()
            got = await asyncio.gather(*tasks)
            assert got == [*range(TASKS)] * QUEUES  # in the order in which the tasks came

        def main():
            go = multiprocessing.Event()
            queues = [multiprocessing.Queue() for _ in range(QUEUES)]
            process = multiprocessing.Process(target=child, args=(queues, go))
            process.start()
            asyncio.run(wait_for_all(queues, go))
            process.join()
            assert process.exitcode == 0
            assert not any(queue._interlock_lines for queue in queues)
            for thread in threading.enumerate():
                if thread.name == "QueueWatcherThread":
                    thread.join()  # it ends when no task waits
        """
    )


def test_a_cancelled_task_takes_nothing_and_holds_nobody_up(run: Run) -> None:
    run(
        """
        import asyncio
        import multiprocessing
        from multiprocessing.queues import LifoQueue, Queue

        from interlock.queue import ShutDown

        async def cancel(queue):
            first, second, third = [asyncio.create_task(queue.aget()) for _ in range(3)]
            await asyncio.sleep(0)
            first.cancel()
            third.cancel()
            queue.put("for the second")
            assert await second == "for the second"
            assert first.cancelled() and third.cancelled()
            queue.put("stays")
            assert await queue.aget() == "stays"

            # one whose turn has come already
            line_up = [asyncio.create_task(queue.aget()) for _ in range(2)]
            await asyncio.sleep(0)
            (line,) = queue._interlock_lines.values()
            queue.put("again")
            line.give_turn()
            line_up[0].cancel()
            assert await line_up[1] == "again" and line_up[0].cancelled()
            try:
                await asyncio.wait_for(queue.aget(), 0.01)
            except asyncio.TimeoutError:
                pass
            assert not queue._interlock_lines

        async def refuse(full):
            full.put(1)
            waiting = asyncio.create_task(full.aput(2))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert full.get_many(5) == [1]
            getter = asyncio.create_task(full.aget())
            await asyncio.sleep(0)
            full.shutdown()
            for end in (getter, full.aput(3), full.aget()):
                try:
                    await end
                except ShutDown:
                    pass
                else:
                    raise AssertionError("it was not shut down")

        def main():
            ctx = multiprocessing.get_context()
            for kind in (Queue, LifoQueue):
                asyncio.run(cancel(kind(ctx=ctx)))
                asyncio.run(refuse(kind(1, ctx=ctx)))
        """
    )


def test_loops_that_end_and_forks_leave_nothing_behind(run: Run) -> None:
    printed = run(
        """
        import asyncio
        import gc
        import multiprocessing
        import threading

        def child(queue, told):
            async def get():
                return await queue.aget()

            told.put("ready")
            told.put(asyncio.run(get()))

        def main():
            ctx = multiprocessing.get_context("fork")
            queue, told = ctx.Queue(), ctx.Queue()
            loop = asyncio.new_event_loop()
            task = loop.create_task(queue.aget())
            loop.run_until_complete(asyncio.sleep(0))
            assert queue._interlock_lines
            # the child has the parent's lines, and none of its threads
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert told.get(timeout=60) == "ready"
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
            queue.put("for the child")
            assert told.get(timeout=60) == "for the child"
            process.join()

            # a loop that is closed while a task waits
            forgotten = [loop.create_task(queue.aget()) for _ in range(3)]
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            for thread in threading.enumerate():
                if thread.name == "QueueWatcherThread":
                    thread.join()  # it drops the line, and ends
            del forgotten, task
            gc.collect()
            queue.put(1)
            assert queue.get() == 1
        """
    )
    assert "Exception ignored" not in printed
