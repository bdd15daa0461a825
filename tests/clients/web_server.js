// A web server that says what it heard, by HTTP/1.1 and HTTP/2, in clear text and over TLS.
//
//   node web_server.js CERTIFICATE KEY [AUTHORITY OF CLIENTS]
//
// It prints where it listens, and every request that it got as a line `request {…}`; what it answers has no credentials.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const zlib = require('node:zlib');
const { WebSocket, WebSocketServer } = require('ws');

const [certificate, key, authority] = process.argv.slice(2);
const TEXT = Array.from({ length: 500 }, (_, line) => `line ${line} of a text that is served whole or in part\n`).join('');
const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'private-token'];
const held = new Map();

function fields(request) {
  const pairs = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    pairs.push([request.rawHeaders[at], request.rawHeaders[at + 1]]);
  }
  return pairs;
}

function heard(request) {
  const peer = request.socket.getPeerCertificate ? request.socket.getPeerCertificate() : {};
  return {
    method: request.method,
    path: request.url,
    version: request.httpVersion,
    authority: request.authority || request.headers.host || null,
    fields: fields(request),
    certificate: (peer && peer.subject && peer.subject.CN) || null,
  };
}

function say(response, status, text, more = {}) {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text), ...more });
  response.end(text);
}

function json(response, value, more = {}) {
  const text = JSON.stringify(value);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...more });
  response.end(text);
}

async function content(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

async function digestOf(request) {
  const hash = crypto.createHash('sha256');
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.length;
    hash.update(piece);
  }
  return { bytes, digest: hash.digest('hex'), trailers: request.trailers };
}

function part(request, response) {
  const tag = `"${digest(TEXT).slice(0, 12)}"`;
  const more = { 'content-type': 'text/plain', etag: tag, 'accept-ranges': 'bytes' };
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304, { etag: tag });
    return response.end();
  }
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range || '');
  if (!range) return say(response, 200, request.method === 'HEAD' ? '' : TEXT, { ...more, 'content-length': TEXT.length });
  const first = range[1] === '' ? TEXT.length - Number(range[2]) : Number(range[1]);
  const last = range[1] === '' || range[2] === '' ? TEXT.length - 1 : Math.min(Number(range[2]), TEXT.length - 1);
  if (first > last) return say(response, 416, '', { 'content-range': `bytes */${TEXT.length}` });
  return say(response, 206, TEXT.slice(first, last + 1), {
    ...more,
    'content-range': `bytes ${first}-${last}/${TEXT.length}`,
  });
}

function events(url, request, response) {
  const count = Number(url.searchParams.get('count') || 3);
  const pause = Number(url.searchParams.get('pause') || 1000);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders && response.flushHeaders();
  let sent = 0;
  const next = () => {
    sent += 1;
    const at = url.searchParams.has('times') ? ` at ${performance.timeOrigin + performance.now()}` : '';
    response.write(`id: ${sent}\ndata: message ${sent} of ${count}${at}\n\n`);
    if (sent < count) timer = setTimeout(next, pause);
    else response.end();
  };
  let timer = setTimeout(next, Math.min(pause, 50));
  request.on('close', () => clearTimeout(timer));
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>a page</title><p id="state">loading</p>
<script src="/page.js"></script>`;

const SCRIPT = `
(async () => {
  const seen = {};
  seen.echo = (await (await fetch('/echo', { method: 'POST', body: 'from the page' })).json()).digest;
  seen.text = (await (await fetch('/text', { headers: { range: 'bytes=0-5' } })).text());
  seen.socket = await new Promise((resolve, reject) => {
    const socket = new WebSocket('wss://' + location.host + '/socket');
    const heard = [];
    socket.onopen = () => { socket.send('one'); socket.send(new Uint8Array([2, 2])); };
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => {
      heard.push(typeof event.data === 'string' ? event.data : event.data.byteLength);
      if (heard.length === 2) socket.close(1000, 'enough');
    };
    socket.onclose = (event) => resolve([heard, event.code]);
    socket.onerror = () => reject(new Error('the socket failed'));
  });
  seen.events = await new Promise((resolve, reject) => {
    const source = new EventSource('/events?count=3&pause=200');
    const heard = [];
    source.onmessage = (event) => {
      heard.push(event.data);
      if (heard.length === 3) { source.close(); resolve(heard); }
    };
    source.onerror = () => reject(new Error('the events failed'));
  });
  seen.protocol = performance.getEntriesByType('navigation')[0].nextHopProtocol;
  return seen;
})().then((seen) => { document.getElementById('state').textContent = JSON.stringify(seen); },
          (error) => { document.getElementById('state').textContent = 'failed: ' + error; });
`;

async function answer(request, response) {
  console.log('request ' + JSON.stringify(heard(request)));
  const url = new URL(request.url, 'http://server');
  const [, first, second] = url.pathname.split('/');
  switch (first) {
    case 'note': {
      console.log('content ' + (await content(request)).toString());
      return say(response, 200, 'noted\n');
    }
    case 'echo': {
      const bytes = await content(request);
      const told = heard(request);
      told.fields = told.fields.filter(([name]) => !CREDENTIALS.includes(name.toLowerCase()));
      return json(response, { ...told, bytes: bytes.length, digest: digest(bytes), trailers: request.trailers });
    }
    case 'mirror':
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.flushHeaders && response.flushHeaders();
      return request.pipe(response);
    case 'digest':
      return json(response, await digestOf(request));
    case 'bytes': {
      const bytes = Buffer.alloc(Number(second), 'the bytes that were asked for. ');
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length });
      return response.end(bytes);
    }
    case 'text':
      return part(request, response);
    case 'packed': {
      const pack = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync }[second];
      const bytes = pack(Buffer.from(TEXT));
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': second, 'content-length': bytes.length });
      return response.end(bytes);
    }
    case 'events':
      return events(url, request, response);
    case 'hold':
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.flushHeaders && response.flushHeaders();
      return held.set(second, response);
    case 'release': {
      const waiting = held.get(second);
      held.delete(second);
      if (waiting) waiting.end(`released ${second}\n`);
      return say(response, waiting ? 200 : 404, '');
    }
    case 'early':
      response.writeEarlyHints({ link: ['</style.css>; rel=preload; as=style'] });
      return say(response, 200, 'after a hint\n', { link: '</style.css>; rel=preload; as=style' });
    case 'trailers':
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-checksum' });
      response.write('a text with ');
      response.write('a checksum behind it\n');
      response.addTrailers({ 'x-checksum': 'abc123' });
      return response.end();
    case 'status':
      response.writeHead(Number(second), { 'x-status': second });
      return response.end();
    case 'moved': {
      const own = request.authority || request.headers.host;
      const scheme = request.socket.encrypted ? 'https' : 'http';
      const to = { absolute: `${scheme}://${own}${url.searchParams.get('base') || ''}/text`, relative: '/text', elsewhere: 'https://elsewhere.example/x', near: 'text' };
      return say(response, 302, '', { location: to[second] });
    }
    case 'cookies':
      return say(response, 200, 'cookies\n', {
        'set-cookie': ['session=s3cret-of-the-target; Path=/; HttpOnly', 'theme=dark; Path=/cookies; Max-Age=60', 'plain=1'],
      });
    case 'slow':
      return setTimeout(() => say(response, 200, 'at last\n'), Number(second));
    case 'breaks':
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 1000 });
      response.write('the beginning of ');
      return setTimeout(() => (response.stream ? response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR) : request.socket.destroy()), 100);
    case 'page':
      return say(response, 200, PAGE, { 'content-type': 'text/html' });
    case 'page.js':
      return say(response, 200, SCRIPT, { 'content-type': 'text/javascript' });
    default:
      return say(response, 404, `nothing is called ${url.pathname}\n`);
  }
}

function handle(request, response) {
  answer(request, response).catch((error) => {
    console.error(`${request.method} ${request.url}: ${error}`);
    response.destroy ? response.destroy() : response.stream.close();
  });
}

// A request that asks before it sends its content; `x-refuse` says that it shall not.
function asked(request, response) {
  if (request.headers['x-refuse']) {
    console.log('request ' + JSON.stringify(heard(request)));
    return say(response, 417, 'not this\n', { connection: 'close' });
  }
  response.writeContinue();
  return handle(request, response);
}

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });

function converse(socket) {
  socket.on('message', (data, binary) => {
    if (!binary && data.toString() === 'ping me') socket.ping('are you there');
    else if (!binary && data.toString() === 'close') socket.close(4001, 'as you wish');
    else socket.send(data, { binary });
  });
  socket.on('error', (error) => console.error(`websocket: ${error}`));
}

function upgrade(request, socket, head) {
  console.log('request ' + JSON.stringify(heard(request)));
  socket.on('error', (error) => console.error(`upgrade: ${error}`));
  if (request.url.startsWith('/refused')) return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nno.\n');
  if ((request.headers.upgrade || '').toLowerCase() === 'websocket') {
    return sockets.handleUpgrade(request, socket, head, converse);
  }
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\nwelcome\n`);
  socket.write(head);
  return socket.pipe(socket);
}

// RFC 8441: a stream of HTTP/2 that becomes a WebSocket.
function extended(request, response) {
  const stream = response.stream;
  console.log('request ' + JSON.stringify({ ...heard(request), protocol: request.headers[':protocol'] || null }));
  if (request.headers[':protocol'] !== 'websocket') {
    stream.respond({ ':status': 501 }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200 });
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  stream.setNoDelay = () => {};
  socket.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false });
  converse(socket);
}

function listen(name, server) {
  server.on('request', handle);
  server.on('checkContinue', asked);
  server.on('clientError', (error, socket) => { console.error(`${name}: ${error}`); socket.destroy(); });
  server.on('sessionError', (error) => console.error(`${name}: ${error}`));
  server.on('upgrade', upgrade);
  server.on('connect', (request, response) => (response.stream ? extended(request, response) : response.destroy()));
  server.keepAliveTimeout = 600_000;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1', () => console.log(`listen ${name} ${server.address().port}`));
}

const tls = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
if (authority) Object.assign(tls, { ca: fs.readFileSync(authority), requestCert: true, rejectUnauthorized: true });
const settings = { settings: { enableConnectProtocol: true }, maxSessionMemory: 1000 };
listen('http', http.createServer());
listen('https', http2.createSecureServer({ ...tls, ...settings, allowHTTP1: true }));
listen('h2c', http2.createServer(settings));
