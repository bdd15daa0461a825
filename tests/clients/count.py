"""Runs a program and keeps the digests of what goes into it and what comes out of it.

python count.py FILE PROGRAM [ARGUMENT...]

Writes the SHA-256 of its input to FILE.in and of its output to FILE.out, and ends as the program did.
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


def carry(source, sink, digest):
    while data := os.read(source, CHUNK):
        digest.update(data)
        try:
            write_all(sink, data)
        except BrokenPipeError:
            break


def main():
    name, *command = sys.argv[1:]
    went_in, came_out = hashlib.sha256(), hashlib.sha256()
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        carry(0, program.stdin.fileno(), went_in)
        program.stdin.close()

    threading.Thread(target=feed, daemon=True).start()
    carry(program.stdout.fileno(), 1, came_out)
    code = program.wait()
    for suffix, digest in ((".in", went_in), (".out", came_out)):
        with open(name + suffix, "w") as file:
            file.write(digest.hexdigest())
    sys.stdout.flush()
    # The thread may still wait for input that nobody needs any more.
    os._exit(code if code >= 0 else 128 - code)


main()
