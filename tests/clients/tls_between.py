"""Somebody between a client and its PostgreSQL server: speaks TLS to both, each with a certificate of its own.

python tls_between.py SERVER_PORT CERTIFICATE KEY

Prints `listen PORT` when it is ready. A login that is bound to the TLS connection does not pass through here.
"""

import socket
import ssl
import struct
import sys
import threading

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(near, port, near_context, far_context):
    assert near.recv(8) == SSL_REQUEST
    near.sendall(b"S")
    near = near_context.wrap_socket(near, server_side=True)
    far = socket.create_connection(("127.0.0.1", port))
    far.sendall(SSL_REQUEST)
    assert far.recv(1) == b"S"
    far = far_context.wrap_socket(far)
    threading.Thread(target=carry, args=(near, far), daemon=True).start()
    carry(far, near)


def main():
    port, certificate, key = sys.argv[1:]
    near_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    near_context.load_cert_chain(certificate, key)
    far_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    far_context.check_hostname = False
    far_context.verify_mode = ssl.CERT_NONE
    listener = socket.create_server(("127.0.0.1", 0))
    print("listen", listener.getsockname()[1], flush=True)
    while True:
        near, _ = listener.accept()
        threading.Thread(target=serve, args=(near, int(port), near_context, far_context), daemon=True).start()


main()
