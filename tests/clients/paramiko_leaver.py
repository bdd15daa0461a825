"""Leaves when it is shown where to log in by the browser. python paramiko_leaver.py PORT LOGIN

Prints what it was shown, and is gone before it answers that.
"""

import os
import signal
import socket
import sys

import paramiko


def leave(_title, instructions, _prompts):
    print(instructions, flush=True)
    os._exit(0)


def main():
    port, login = sys.argv[1:]
    signal.alarm(60)
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", int(port)), timeout=60))
    transport.start_client(timeout=60)
    transport.auth_interactive(login, leave)


main()
