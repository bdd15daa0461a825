// What fetch of Node sees of a web server, as JSON.
'use strict';

const crypto = require('node:crypto');
const undici = require('undici');

const url = process.env.WEB_URL;
const headers = process.env.WEB_TOKEN ? { authorization: `Bearer ${process.env.WEB_TOKEN}` } : {};
const dispatcher = process.env.WEB_PROXY ? new undici.ProxyAgent(process.env.WEB_PROXY) : undefined;
const digest = (bytes) => crypto.createHash('sha256').update(Buffer.from(bytes)).digest('hex');

// The one that Node has built in goes no way through a proxy; the package is the same library.
const ask = (path, more = {}) => {
  const options = { ...more, headers: { ...headers, ...more.headers } };
  return dispatcher ? undici.fetch(url + path, { ...options, dispatcher }) : fetch(url + path, options);
};

async function main() {
  const seen = {};
  const echo = await (await ask('/echo?x=1', { headers: { 'x-own': 'own' } })).json();
  seen.get = [echo.method, echo.path, echo.fields.filter(([name]) => name.toLowerCase() === 'x-own').map(([, value]) => value)];
  seen.post = (await (await ask('/echo', { method: 'POST', body: JSON.stringify({ a: 1 }) })).json()).digest;
  const pieces = new ReadableStream({
    async pull(controller) {
      this.count = (this.count || 0) + 1;
      if (this.count > 100) controller.close();
      else controller.enqueue(new TextEncoder().encode(`piece ${this.count} `.repeat(200)));
    },
  });
  seen.chunks = await (await ask('/digest', { method: 'POST', body: pieces, duplex: 'half' })).json();
  const text = await ask('/text');
  seen.text = [text.status, digest(await text.arrayBuffer()), text.headers.get('etag')];
  const head = await ask('/text', { method: 'HEAD' });
  seen.head = [head.status, head.headers.get('content-length'), await head.text()];
  const part = await ask('/text', { headers: { range: 'bytes=5-9' } });
  seen.part = [part.status, part.headers.get('content-range'), await part.text()];
  for (const name of ['gzip', 'br', 'deflate']) {
    const packed = await ask(`/packed/${name}`);
    seen[name] = [packed.headers.get('content-encoding'), digest(await packed.arrayBuffer())];
  }
  const moved = await ask('/moved/relative');
  seen.moved = [moved.status, digest(await moved.arrayBuffer()), moved.redirected];
  seen.statuses = [];
  for (const status of [204, 304, 404, 500]) {
    const answer = await ask(`/status/${status}`);
    seen.statuses.push([answer.status, await answer.text()]);
  }
  const events = await ask('/events?count=3&pause=50');
  seen.events = [];
  for await (const piece of events.body) seen.events.push(Buffer.from(piece).toString());
  seen.events = seen.events.join('').split('\n\n');
  seen.broken = await ask('/breaks').then((answer) => answer.text()).then(() => 'it came whole', () => 'it broke');
  const controller = new AbortController();
  const given = (await ask('/hold/fetch', { signal: controller.signal })).text();
  controller.abort();
  seen.given = await given.then(() => 'it was answered', (error) => error.name);
  seen.after = (await ask('/text')).status;
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
