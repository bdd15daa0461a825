"""What few clients do. python paramiko_oddities.py PORT LOGIN KEY

Asks for X11, which is not forwarded, then writes to a program's input and, as extended data, beside it. Prints one JSON
object of what came of it.
"""

import json
import signal
import sys

import paramiko


def main():
    port, login, key = sys.argv[1:]
    signal.alarm(60)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1", int(port), username=login, key_filename=key, allow_agent=False, look_for_keys=False, timeout=60
    )
    seen = {}
    try:
        client.get_transport().open_session().request_x11(handler=lambda *_: None)
        seen["x11"] = "granted"
    except paramiko.SSHException:
        seen["x11"] = "refused"

    channel = client.get_transport().open_session()
    channel.exec_command("cat")
    channel.sendall_stderr(b"beside it\n")
    channel.sendall(b"typed\n")
    channel.shutdown_write()
    seen["cat"] = channel.makefile("rb").read().decode()
    client.close()
    print(json.dumps(seen))


main()
