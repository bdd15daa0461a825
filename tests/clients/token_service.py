"""The places where keys are changed into tokens, as Google and GitHub document them, and what the tokens open.

    token_service.py FOLDER LIFE [TOKEN]

FOLDER has the public halves of the keys, `google.pem` and `github.pem`. Tokens live for LIFE seconds; the first one of
GitHub is TOKEN, where that is given. Every assertion is checked: signature, algorithm, issuer, audience and times.
"""

import asyncio
import base64
import json
import os
import secrets
import sys
import time

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

FOLDER, LIFE = sys.argv[1], float(sys.argv[2])
FIRST = sys.argv[3:4]
KEYS = {
    name: serialization.load_pem_public_key(open(os.path.join(FOLDER, f"{name}.pem"), "rb").read())
    for name in ("google", "github")
}
ACCOUNT = "gateway@project.iam.gserviceaccount.com"
ISSUED = {}


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token, key, longest):
    head, claims, signature = token.split(".")
    assert json.loads(part(head))["alg"] == "RS256"
    KEYS[key].verify(part(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(part(claims))
    now = time.time()
    assert claims["iat"] <= now + 5 and now < claims["exp"], "times"
    assert claims["exp"] - claims["iat"] <= longest, "lives too long"
    return json.loads(part(head)), claims


def issue(kind, token, life):
    ISSUED[token] = (kind, time.time() + life)
    print("issued", kind, token, flush=True)
    return token


def refused(reason):
    print("refused", repr(reason), flush=True)
    # The answer has what was sent in it, as careless services do: it must go no further.
    return web.json_response({"error": "invalid_grant", "error_description": f"s3cret-in-an-answer {reason}"}, status=400)


async def google(request):
    form = await request.post()
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        return refused("grant_type")
    try:
        head, claims = claims_of(form["assertion"], "google", 3600)
        assert head["kid"] == "key-1" and claims["iss"] == ACCOUNT
        assert claims["aud"] == str(request.url), (claims["aud"], str(request.url))
    except Exception as error:
        return refused(error)
    if audience := claims.get("target_audience"):
        body = {"iss": "https://accounts.google.com", "aud": audience, "exp": int(time.time() + LIFE)}
        words = [json.dumps({"alg": "RS256"}), json.dumps(body), secrets.token_hex(32)]
        token = ".".join(base64.urlsafe_b64encode(word.encode()).decode().rstrip("=") for word in words)
        return web.json_response({"id_token": issue(f"id:{audience}", token, LIFE)})
    token = "ya29." + secrets.token_urlsafe(64)
    issue(f"access:{claims['scope']}", token, LIFE)
    return web.json_response({"access_token": token, "expires_in": int(LIFE), "token_type": "Bearer"})


async def github(request):
    bearer = request.headers.get("Authorization", "")
    try:
        _, claims = claims_of(bearer.removeprefix("Bearer "), "github", 600)
        assert claims["iss"] == "12345"
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers["X-GitHub-Api-Version"] and request.headers["User-Agent"]
    except Exception as error:
        print("refused", repr(error), flush=True)
        return web.json_response({"message": "s3cret-in-an-answer"}, status=401)
    if request.match_info["installation"] != "678":
        return web.json_response({"message": "Not Found"}, status=404)
    wishes = await request.json()
    token = FIRST.pop() if FIRST else "ghs_" + secrets.token_hex(20)
    issue(f"installation:{json.dumps(wishes, sort_keys=True)}", token, LIFE)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFE))
    return web.json_response({"token": token, "expires_at": end}, status=201)


async def resource(request):
    kind, end = ISSUED.get(request.headers.get("Authorization", "").removeprefix("Bearer "), ("", 0))
    if time.time() >= end:
        return web.Response(status=401, text="who are you?\n")
    return web.Response(text=f"opened by {kind}\n")


async def main():
    application = web.Application()
    application.router.add_post("/token", google)
    application.router.add_post("/app/installations/{installation}/access_tokens", github)
    application.router.add_route("*", "/resource", resource)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("listen", site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
