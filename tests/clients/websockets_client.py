"""What the library websockets sees of a server's echo, as JSON."""

import asyncio
import hashlib
import json
import os
import ssl

import websockets

URL = os.environ["WEB_URL"].replace("http", "ws", 1)
TOKEN = os.environ.get("WEB_TOKEN")


async def main():
    context = ssl.create_default_context(cafile=os.environ["WEB_TRUSTED"]) if URL.startswith("wss") else None
    headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    proxy = os.environ.get("WEB_PROXY")
    options = {"ssl": context, "additional_headers": headers, "proxy": proxy, "max_size": None, "open_timeout": 120}
    seen = {}
    async with websockets.connect(f"{URL}/socket", **options) as socket:
        await socket.send("a text: ünïcode")
        seen["text"] = await socket.recv()
        await socket.send(bytes(range(256)))
        seen["binary"] = (await socket.recv()).hex()[:32]
        await socket.send("")
        seen["empty"] = await socket.recv()
        # One message in pieces.
        await socket.send(["a ", "text ", "in ", "pieces"])
        seen["pieces"] = await socket.recv()
        large = os.urandom(5_000_000)
        await socket.send(large)
        answer = await socket.recv()
        seen["large"] = hashlib.sha256(answer).digest() == hashlib.sha256(large).digest()
        waiter = await socket.ping(b"are you there")
        await asyncio.wait_for(waiter, 60)
        await socket.send("ping me")
        for number in range(1000):
            await socket.send(f"message {number}")
        seen["many"] = [await socket.recv() for _ in range(1000)][::333]
        await socket.send("close")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            seen["closed"] = [closed.rcvd.code, closed.rcvd.reason]
    async with websockets.connect(f"{URL}/socket", **options) as socket:
        await socket.close(1001, "leaving")
        seen["left"] = [socket.close_code, socket.close_reason]
    try:
        async with websockets.connect(f"{URL}/refused", **options) as socket:
            seen["refused"] = "it came in"
    except websockets.InvalidStatus as error:
        seen["refused"] = [error.response.status_code, error.response.body.decode()]
    print(json.dumps(seen))


asyncio.run(main())
