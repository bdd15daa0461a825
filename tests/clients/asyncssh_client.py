"""A journey with asyncssh. python asyncssh_client.py PORT LOGIN KEY FOLDER ECHO_PORT

Prints one JSON object of what it saw.
"""

import asyncio
import json
import os
import sys

import asyncssh


async def main():
    port, login, key, folder, echo_port = sys.argv[1:]
    seen = {}
    async with asyncssh.connect(
        "127.0.0.1", int(port), username=login, client_keys=[key], known_hosts=None, config=None, agent_path=None
    ) as connection:
        ran = await connection.run("cat; echo err >&2; exit 7", input="typed\n")
        seen["exec"] = [ran.stdout, ran.stderr, ran.exit_status]

        shell = await connection.create_process(term_type="xterm", term_size=(111, 37))
        shell.stdin.write("PS1=; stty -echo; echo [$(stty size)]\n")
        await shell.stdout.readuntil("[37 111]")
        shell.change_terminal_size(90, 20)
        shell.stdin.write("until [ \"$(stty size)\" = '20 90' ]; do sleep 0.05; done; echo [$(stty size)]\n")
        await shell.stdout.readuntil("[20 90]")
        shell.stdin.write("exit 3\n")
        seen["shell"] = (await shell.wait()).exit_status

        async with connection.start_sftp_client() as sftp:
            async with sftp.open(f"{folder}/written", "wb") as file:
                await file.write(b"x" * 100_000)
            await sftp.rename(f"{folder}/written", f"{folder}/renamed")
            await sftp.get(f"{folder}/renamed", f"{folder}/got")
            seen["sftp"] = [os.path.getsize(f"{folder}/got"), sorted({*await sftp.listdir(folder)} - {".", ".."})]

        listener = await connection.forward_local_port("127.0.0.1", 0, "127.0.0.1", int(echo_port))
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
        writer.write(b"forwarded")
        writer.write_eof()
        seen["forward"] = (await reader.read()).decode()
    print(json.dumps(seen))


asyncio.run(main())
