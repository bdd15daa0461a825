"""What aiohttp sees of a web server, as JSON."""

import asyncio
import hashlib
import json
import os
import ssl

import aiohttp

URL = os.environ["WEB_URL"]
TOKEN = os.environ.get("WEB_TOKEN")
PROXY = os.environ.get("WEB_PROXY")


def digest(data):
    return hashlib.sha256(data).hexdigest()


async def pieces():
    for number in range(50):
        yield (b"piece %d " % number) * 100
        await asyncio.sleep(0)


async def at_once(session):
    """A conversation in one exchange: each piece is answered before the next one is sent."""
    queue = asyncio.Queue()

    async def sent():
        while (piece := await queue.get()) is not None:
            yield piece

    heard = []
    await queue.put(b"piece 0")
    async with session.post(f"{URL}/mirror", data=sent()) as response:
        for number in range(1, 20):
            heard.append((await response.content.readany()).decode())
            await queue.put(f"piece {number}".encode())
        heard.append((await response.content.readany()).decode())
        await queue.put(None)
        rest = await response.content.read()
    return [heard, rest.decode()]


async def converse(session):
    heard = []
    async with session.ws_connect(f"{URL}/socket", autoping=False) as socket:
        await socket.send_str("a text")
        heard.append((await socket.receive()).data)
        await socket.send_bytes(bytes(range(256)) * 300)
        heard.append(digest((await socket.receive()).data))
        await socket.ping(b"mine")
        pong = await socket.receive()
        heard.append([pong.type.name, pong.data.decode()])
        await socket.send_str("close")
        closed = await socket.receive()
        heard.append([closed.type.name, socket.close_code, closed.extra])
    return heard


async def main():
    context = ssl.create_default_context(cafile=os.environ["WEB_TRUSTED"])
    headers = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    seen = {}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, proxy=PROXY, headers=headers) as session:
        async with session.get(f"{URL}/echo", params={"q": "a b"}) as response:
            heard = await response.json()
            seen["get"] = [response.status, heard["path"], heard["bytes"]]
        async with session.put(f"{URL}/digest", data=pieces()) as response:
            seen["chunks"] = await response.json()
        form = aiohttp.FormData()
        form.add_field("file", b"x" * 100_000, filename="a.bin")
        async with session.post(f"{URL}/echo", data=form) as response:
            seen["form"] = (await response.json())["bytes"] > 100_000
        async with session.post(f"{URL}/echo", data=b"asked before", expect100=True) as response:
            seen["asked"] = (await response.json())["digest"]
        seen["both ways"] = await at_once(session)
        seen["socket"] = await converse(session)
        held = asyncio.create_task(session.get(f"{URL}/hold/aiohttp"))
        while True:
            async with session.post(f"{URL}/release/aiohttp") as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.01)
        seen["held"] = await (await held).text()
        async with session.get(f"{URL}/cookies") as response:
            seen["cookies"] = sorted(cookie.key for cookie in response.cookies.values())
        async with session.get(f"{URL}/bytes/3000000") as response:
            seen["bytes"] = digest(await response.read())
        answers = await asyncio.gather(*(session.get(f"{URL}/slow/{10 * number}") for number in range(20)))
        seen["at once"] = [await answer.text() for answer in answers]
        for answer in answers:
            answer.release()
    print(json.dumps(seen))


asyncio.run(main())
