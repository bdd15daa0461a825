"""A journey with paramiko. python paramiko_client.py PORT LOGIN KEY FOLDER ECHO_PORT

Prints one JSON object of what it saw.
"""

import json
import os
import sys

import paramiko


def read_until(channel, wanted):
    seen = ""
    while wanted not in seen:
        data = channel.recv(4096)
        if not data:
            raise EOFError(seen)
        seen += data.decode()


def main():
    port, login, key, folder, echo_port = sys.argv[1:]
    seen = {}
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1", int(port), username=login, key_filename=key, allow_agent=False, look_for_keys=False, timeout=60
    )

    stdin, stdout, stderr = client.exec_command("cat; echo err >&2; exit 7")
    stdin.write("typed\n")
    stdin.channel.shutdown_write()
    seen["exec"] = [stdout.read().decode(), stderr.read().decode(), stdout.channel.recv_exit_status()]

    shell = client.invoke_shell(term="xterm", width=111, height=37)
    shell.send("PS1=; stty -echo; echo [$(stty size)]\n")
    read_until(shell, "[37 111]")
    shell.resize_pty(width=90, height=20)
    shell.send("until [ \"$(stty size)\" = '20 90' ]; do sleep 0.05; done; echo [$(stty size)]\n")
    read_until(shell, "[20 90]")
    shell.send("exit 3\n")
    seen["shell"] = shell.recv_exit_status()

    sftp = client.open_sftp()
    with sftp.open(f"{folder}/written", "wb") as file:
        file.set_pipelined(True)
        file.write(b"x" * 100_000)
    sftp.rename(f"{folder}/written", f"{folder}/renamed")
    sftp.get(f"{folder}/renamed", f"{folder}/got")
    seen["sftp"] = [os.path.getsize(f"{folder}/got"), sorted(sftp.listdir(folder))]

    channel = client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", int(echo_port)), ("127.0.0.1", 1))
    channel.sendall(b"forwarded")
    channel.shutdown_write()
    heard = b""
    while data := channel.recv(4096):
        heard += data
    seen["forward"] = heard.decode()
    client.close()
    print(json.dumps(seen))


main()
