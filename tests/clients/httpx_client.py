"""What httpx sees of a web server, as JSON: httpx_client.py 1|2 (the version that it offers)."""

import hashlib
import json
import os
import ssl
import sys

import httpx

URL = os.environ["WEB_URL"]
TOKEN = os.environ.get("WEB_TOKEN")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def told(response):
    """What an echo tells, without what a proxy may change by its duties."""
    heard = response.json()
    kept = {name.lower(): value for name, value in heard["fields"]}
    return {
        "status": response.status_code,
        "method": heard["method"],
        "path": heard["path"],
        "bytes": heard["bytes"],
        "digest": heard["digest"],
        "fields": {name: kept.get(name) for name in ("accept", "content-type", "user-agent", "x-own", "x-empty")},
    }


def pieces():
    for number in range(50):
        yield (b"piece %d " % number) * 100


def main():
    context = ssl.create_default_context(cafile=os.environ["WEB_TRUSTED"])
    headers = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}
    seen = {}
    with httpx.Client(
        http1=True,
        http2=sys.argv[1] == "2",
        verify=context,
        proxy=os.environ.get("WEB_PROXY"),
        trust_env=False,
        headers=headers,
        timeout=120,
    ) as client:
        get = client.get(f"{URL}/echo?a=1&b=%20two%2Fthree&a=4", headers={"x-own": "a value, and more", "x-empty": ""})
        seen["get"] = told(get)
        seen["version"] = get.http_version
        seen["post"] = told(client.post(f"{URL}/echo", json={"text": "ünïcode"}))
        seen["chunks"] = told(client.put(f"{URL}/echo", content=pieces()))
        seen["delete"] = told(client.delete(f"{URL}/echo/x"))
        options = client.options(f"{URL}/echo")
        seen["options"] = told(options)
        large = client.post(f"{URL}/mirror", content=b"0123456789" * 500_000)
        seen["large"] = [large.status_code, len(large.content), digest(large.content)]
        head = client.head(f"{URL}/text")
        seen["head"] = [head.status_code, head.headers["content-length"], head.content.decode()]
        whole = client.get(f"{URL}/text")
        seen["text"] = [whole.status_code, digest(whole.content), whole.headers["etag"]]
        ranges = ["bytes=0-9", "bytes=-7", "bytes=100-", "bytes=999999-"]
        answers = [client.get(f"{URL}/text", headers={"range": range}) for range in ranges]
        seen["ranges"] = [[a.status_code, a.headers.get("content-range"), digest(a.content)] for a in answers]
        same = client.get(f"{URL}/text", headers={"if-none-match": whole.headers["etag"]})
        seen["unchanged"] = [same.status_code, same.content.decode()]
        for name in ("gzip", "deflate"):
            packed = client.get(f"{URL}/packed/{name}", headers={"accept-encoding": name})
            seen[name] = [packed.headers["content-encoding"], digest(packed.content)]
        none = [client.get(f"{URL}/status/{status}") for status in (204, 304, 404, 418, 500, 503)]
        seen["statuses"] = [[answer.status_code, answer.content.decode()] for answer in none]
        with client.stream("GET", f"{URL}/events?count=3&pause=50") as response:
            lines = list(response.iter_lines())
            seen["events"] = [response.headers["content-type"], lines]
        seen["hint"] = client.get(f"{URL}/early").text
        seen["trailers"] = client.get(f"{URL}/trailers").text
        try:
            client.get(f"{URL}/breaks")
            seen["broken"] = "it came whole"
        except httpx.RemoteProtocolError:
            seen["broken"] = "it broke"
        seen["again"] = client.get(f"{URL}/early").status_code
    print(json.dumps(seen))


main()
