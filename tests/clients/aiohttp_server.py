"""A web server of another house, which says what it heard: aiohttp_server.py CERTIFICATE KEY.

It prints where it listens and answers as `web_server.js` does, as far as its library goes: by HTTP/1.1 alone, in clear
text and over TLS. Every request that it got is a line `request {…}`.
"""

import asyncio
import hashlib
import json
import ssl
import sys

import zstandard
from aiohttp import WSMsgType, web

TEXT = "".join(f"line {line} of a text that is served whole or in part\n" for line in range(500))
HELD = {}


def note(request):
    fields = [[name.decode(), value.decode("latin-1")] for name, value in request.raw_headers]
    heard = {"method": request.method, "path": request.raw_path, "version": "1.1", "fields": fields}
    print("request " + json.dumps(heard), flush=True)
    return heard


async def echo(request):
    heard = note(request)
    credentials = ("authorization", "proxy-authorization", "cookie", "x-api-key")
    heard["fields"] = [field for field in heard["fields"] if field[0].lower() not in credentials]
    body = await request.read()
    return web.json_response({**heard, "bytes": len(body), "digest": hashlib.sha256(body).hexdigest()})


async def digest(request):
    note(request)
    hashed, count = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        hashed.update(piece)
        count += len(piece)
    return web.json_response({"bytes": count, "digest": hashed.hexdigest(), "trailers": {}})


async def mirror(request):
    note(request)
    response = web.StreamResponse(headers={"content-type": "application/octet-stream"})
    await response.prepare(request)
    async for piece in request.content.iter_any():
        await response.write(piece)
    await response.write_eof()
    return response


async def events(request):
    note(request)
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    count = int(request.query.get("count", "3"))
    for number in range(1, count + 1):
        await response.write(f"id: {number}\ndata: message {number} of {count}\n\n".encode())
        await asyncio.sleep(int(request.query.get("pause", "1000")) / 1000)
    return response


async def hold(request):
    note(request)
    waiting = HELD.setdefault(request.match_info["name"], asyncio.Event())
    await waiting.wait()
    del HELD[request.match_info["name"]]
    return web.Response(text=f"released {request.match_info['name']}\n")


async def release(request):
    note(request)
    waiting = HELD.get(request.match_info["name"])
    if waiting:
        waiting.set()
    return web.Response(status=200 if waiting else 404)


async def socket(request):
    note(request)
    answer = web.WebSocketResponse(max_msg_size=0)
    await answer.prepare(request)
    async for message in answer:
        if message.type == WSMsgType.BINARY:
            await answer.send_bytes(message.data)
        elif message.data == "ping me":
            await answer.ping(b"are you there")
        elif message.data == "close":
            await answer.close(code=4001, message=b"as you wish")
        else:
            await answer.send_str(message.data)
    return answer


async def cookies(request):
    note(request)
    response = web.Response(text="cookies\n")
    response.set_cookie("session", "s3cret-of-the-target", path="/", httponly=True)
    response.set_cookie("theme", "dark", path="/cookies", max_age=60)
    response.set_cookie("plain", "1", path="/")
    return response


async def packed(request):
    note(request)
    response = web.Response(text=TEXT)
    if request.match_info["name"] == "zstd":
        return web.Response(
            body=zstandard.compress(TEXT.encode()), headers={"content-encoding": "zstd", "content-type": "text/plain"}
        )
    response.enable_compression(web.ContentCoding(request.match_info["name"]))
    return response


async def count(request):
    note(request)
    number = int(request.match_info["count"])
    line = b"the bytes that were asked for. "
    return web.Response(body=(line * (number // len(line) + 1))[:number])


async def slow(request):
    note(request)
    await asyncio.sleep(int(request.match_info["pause"]) / 1000)
    return web.Response(text="at last\n")


async def refused(request):
    note(request)
    return web.Response(status=403, text="no.\n")


async def moved(request):
    note(request)
    raise web.HTTPFound("/echo")


async def main():
    application = web.Application(client_max_size=1 << 30)
    for path, handler in [
        ("/echo", echo), ("/digest", digest), ("/mirror", mirror), ("/events", events), ("/hold/{name}", hold),
        ("/release/{name}", release), ("/socket", socket), ("/cookies", cookies), ("/packed/{name}", packed),
        ("/bytes/{count}", count), ("/slow/{pause}", slow), ("/refused", refused), ("/moved", moved),
    ]:  # fmt: skip
        application.router.add_route("*", path, handler)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*sys.argv[1:3])
    for name, secured in [("http", None), ("https", context)]:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secured)
        await site.start()
        print(f"listen {name} {site._server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
