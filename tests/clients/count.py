"""Runs a program and keeps the lengths and the digests of what goes into it and what comes out of it.

python count.py FILE PROGRAM [ARGUMENT...]

Writes the length and the SHA-256 of its input to FILE.in, those of its output to FILE.out, and ends as the program did.
"""

import hashlib
import os
import subprocess
import sys
import threading

CHUNK = 256 * 1024


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


class Count:
    def __init__(self):
        self.length, self.digest = 0, hashlib.sha256()

    def update(self, data):
        self.length += len(data)
        self.digest.update(data)

    def __str__(self):
        return f"{self.length} {self.digest.hexdigest()}"


def carry(source, sink, count):
    while data := os.read(source, CHUNK):
        count.update(data)
        try:
            write_all(sink, data)
        except BrokenPipeError:
            break


def main():
    name, *command = sys.argv[1:]
    # rsync hands over sockets that do not wait.
    os.set_blocking(0, True)
    os.set_blocking(1, True)
    went_in, came_out = Count(), Count()
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        carry(0, program.stdin.fileno(), went_in)
        program.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    carry(program.stdout.fileno(), 1, came_out)
    code = program.wait()
    for suffix, count in ((".in", went_in), (".out", came_out)):
        with open(name + suffix, "w") as file:
            file.write(str(count))
    sys.stdout.flush()
    # The thread may still wait for input that nobody needs any more.
    os._exit(code if code >= 0 else 128 - code)


main()
