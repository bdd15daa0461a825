"""A port that never takes a connection: its queue is full. It prints which."""

import socket
import sys
import threading

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
waiting = []
while True:
    client = socket.socket()
    client.settimeout(1)
    waiting.append(client)
    try:
        client.connect(listener.getsockname())
    except TimeoutError:
        break
print("listen", listener.getsockname()[1], flush=True)
threading.Event().wait()
sys.exit(waiting)
