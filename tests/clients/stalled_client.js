// On one connection of HTTP/2, a response that is not read while others are: what was seen, as JSON.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http2 = require('node:http2');
const { once } = require('node:events');

const url = new URL(process.env.WEB_URL);
const own = process.env.WEB_TOKEN ? { authorization: `Bearer ${process.env.WEB_TOKEN}` } : {};

async function read(stream) {
  const hash = crypto.createHash('sha256');
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    hash.update(piece);
  }
  return [bytes, hash.digest('hex')];
}

async function main() {
  const session = http2.connect(url.origin, { ca: fs.readFileSync(process.env.WEB_TRUSTED), settings: { initialWindowSize: 65_535 }, maxSessionMemory: 1000 });
  await once(session, 'remoteSettings');
  const ask = (path, more) => session.request({ ...own, ':path': url.pathname.replace(/\/$/, '') + path, ...more });
  const stalled = ask('/bytes/50000000');
  await once(stalled, 'response');
  // An upload whose content is not read by the server either.
  const kept = ask('/hold/stalled', { ':method': 'POST' });
  kept.write(Buffer.alloc(10_000_000));
  await once(kept, 'response');
  const seen = { others: [] };
  for (let number = 0; number < 20; number += 1) seen.others.push(await read(ask(`/bytes/${100_000 + number}`)));
  seen.stalled = await read(stalled);
  await read(ask('/release/stalled', { ':method': 'POST' }));
  seen.kept = (await read(kept))[0];
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
