"""A gRPC server whose messages are plain bytes: grpc_server.py CERTIFICATE KEY. It prints where it listens."""

import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc

GIVEN_UP = threading.Event()


def unary(request, context):
    context.send_initial_metadata((("x-initial", "seen"),))
    context.set_trailing_metadata((("x-trailing", "seen"), ("x-bytes-bin", bytes(range(8)))))
    return b"you said " + request


def refuse(request, context):
    context.set_trailing_metadata((("x-why", "no reason"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: ünd nie")


def sleep(request, context):
    context.add_callback(GIVEN_UP.set)
    while context.is_active():
        time.sleep(0.01)
    return b""


def given_up(request, context):
    return b"yes" if GIVEN_UP.wait(60) else b"no"


def count(request, context):
    for number in range(int(request)):
        yield b"number %d" % number


def collect(requests, context):
    total = 0
    for request in requests:
        total += len(request)
    return b"%d bytes" % total


def converse(requests, context):
    for request in requests:
        yield b"and you said " + request


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
    "GivenUp": grpc.unary_unary_rpc_method_handler(given_up),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Converse": grpc.stream_stream_rpc_method_handler(converse),
}


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", METHODS),))
    certificate, key = (Path(name).read_bytes() for name in sys.argv[1:])
    clear = server.add_insecure_port("127.0.0.1:0")
    secure = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    print(f"listen clear {clear}\nlisten secure {secure}", flush=True)
    server.wait_for_termination()


main()
