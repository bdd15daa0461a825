"""Sends a signal to what it runs, as OpenSSH's client never does. python asyncssh_signal.py PORT LOGIN KEY

Prints the signal that ended it.
"""

import asyncio
import sys

import asyncssh


async def main():
    port, login, key = sys.argv[1:]
    async with asyncssh.connect(
        "127.0.0.1", int(port), username=login, client_keys=[key], known_hosts=None, config=None, agent_path=None
    ) as connection:
        process = await connection.create_process("echo started; exec sleep 1000")
        await process.stdout.readline()
        process.send_signal("TERM")
        await process.wait_closed()
        print(process.exit_signal[0])


asyncio.run(main())
