"""asyncio beside processes, commands and pools."""

import asyncio, concurrent.futures, functools, os, sys, subprocess


def cpu(n):
    return sum(i * i for i in range(n))


async def command():
    p = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input())", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    return await p.communicate(b"through asyncio\n"), p.returncode


async def main():
    loop = asyncio.get_running_loop()
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        rs = await asyncio.gather(*(loop.run_in_executor(pool, cpu, n) for n in (10, 100, 1000)))
        print(rs)
        f = pool.submit(cpu, 10)
        print(await asyncio.wrap_future(f))
        try:
            await asyncio.wait_for(loop.run_in_executor(pool, functools.partial(cpu, 3_000_000)), 0.01)
        except TimeoutError:
            print("timed out")
    print(await command())
    p = await asyncio.create_subprocess_shell("exit 5")
    print(await p.wait())
    print(await asyncio.to_thread(subprocess.check_output, ["echo", "thread"]))
    p = await asyncio.create_subprocess_exec("sleep", "100")
    p.terminate()
    print(await p.wait())


if __name__ == "__main__":
    asyncio.run(main())
