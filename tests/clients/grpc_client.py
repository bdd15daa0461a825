"""What a gRPC client sees of a server, as JSON."""

import hashlib
import json
import os
import queue
from pathlib import Path
from urllib.parse import urlsplit

import grpc

URL = urlsplit(os.environ["WEB_URL"])
TOKEN = os.environ.get("WEB_TOKEN")
METADATA = [("authorization", f"Bearer {TOKEN}")] if TOKEN else []


def open_channel():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if URL.scheme == "http":
        return grpc.insecure_channel(URL.netloc, options)
    trusted = grpc.ssl_channel_credentials(Path(os.environ["WEB_TRUSTED"]).read_bytes())
    return grpc.secure_channel(URL.netloc, trusted, options)


def name(method):
    return f"{URL.path.rstrip('/')}/echo.Echo/{method}"


def main():
    seen = {}
    with open_channel() as channel:
        unary = channel.unary_unary(name("Unary"))
        answer, call = unary.with_call(b"hello", metadata=METADATA, timeout=120)
        initial = [value for key, value in call.initial_metadata() if key == "x-initial"]
        trailing = {key: value for key, value in call.trailing_metadata() if key.startswith("x-")}
        seen["unary"] = [answer.decode(), initial, trailing["x-trailing"], trailing["x-bytes-bin"].hex()]
        large = os.urandom(4) * 2_000_000
        seen["large"] = unary(large, metadata=METADATA) == b"you said " + large
        try:
            channel.unary_unary(name("Refuse"))(b"", metadata=METADATA)
        except grpc.RpcError as error:
            trailing = [value for key, value in error.trailing_metadata() if key == "x-why"]
            seen["refused"] = [error.code().name, error.details(), trailing]
        try:
            channel.unary_unary(name("Missing"))(b"", metadata=METADATA)
        except grpc.RpcError as error:
            seen["missing"] = error.code().name
        try:
            channel.unary_unary(name("Sleep"))(b"", metadata=METADATA, timeout=3)
        except grpc.RpcError as error:
            seen["late"] = error.code().name
        seen["given up"] = channel.unary_unary(name("GivenUp"))(b"", metadata=METADATA).decode()
        numbers = list(channel.unary_stream(name("Count"))(b"1000", metadata=METADATA))
        seen["count"] = [len(numbers), numbers[-1].decode()]
        pieces = (b"x" * size for size in range(0, 20_000, 100))
        seen["collect"] = channel.stream_unary(name("Collect"))(pieces, metadata=METADATA).decode()

        heard = []
        questions = queue.SimpleQueue()
        questions.put(b"question 0")
        for answer in channel.stream_stream(name("Converse"))(iter(questions.get, None), metadata=METADATA):
            heard.append(answer)
            # Each is asked when the one before it is answered.
            questions.put(b"question %d" % len(heard) if len(heard) < 50 else None)
        seen["converse"] = [len(heard), hashlib.sha256(b"".join(heard)).hexdigest()]
        stream = channel.unary_stream(name("Count"))(b"100000000", metadata=METADATA)
        for _ in range(10):
            next(stream)
        stream.cancel()
        seen["cancelled"] = stream.code().name
        seen["after"] = unary(b"still", metadata=METADATA).decode()
    print(json.dumps(seen))


main()
