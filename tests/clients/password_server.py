"""A real SSH server that lets one login in by password and runs what it is told in a shell.

python password_server.py LOGIN PASSWORD_FILE HOST_KEY_FILE METHOD

METHOD is `password` or `keyboard-interactive`. Prints `listen PORT` when it is ready.
"""

import asyncio
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    def __init__(self, login, password, method):
        self.login, self.password, self.method = login, password, method

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return self.method == "password"

    def validate_password(self, username, password):
        return (username, password) == (self.login, self.password)

    def kbdint_auth_supported(self):
        return self.method == "keyboard-interactive"

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return username == self.login and responses == [self.password]


async def run(process):
    shell = await asyncio.create_subprocess_shell(
        process.command or "cat",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
    code = await shell.wait()
    await process.stdout.drain()
    process.exit(code)


async def main():
    login, password_file, host_key, method = sys.argv[1:]
    with open(password_file) as file:
        password = file.read().strip()
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Server(login, password, method),
        server_host_keys=[host_key],
        process_factory=run,
        encoding=None,
    )
    print("listen", server.get_port(), flush=True)
    await server.wait_closed()


asyncio.run(main())
