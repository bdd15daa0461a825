// What Node's own HTTP/2 sees of a web server, as JSON: trailers both ways, interim responses, a WebSocket on a stream
// (RFC 8441), streams that are broken off. With WEB_PROXY it goes through CONNECT, by HTTP/1.1 or (argument 2) HTTP/2.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const tls = require('node:tls');
const { once } = require('node:events');
const { WebSocket } = require('ws');

const url = new URL(process.env.WEB_URL);
const base = url.pathname.replace(/\/$/, '');
const ca = fs.readFileSync(process.env.WEB_TRUSTED);
const own = process.env.WEB_TOKEN ? { authorization: `Bearer ${process.env.WEB_TOKEN}` } : {};
const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

// The way to the server through the proxy, where there is one.
async function way() {
  if (!process.env.WEB_PROXY) return undefined;
  const proxy = new URL(process.env.WEB_PROXY);
  const authority = `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
  const credentials = 'Basic ' + Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
  if (process.argv[2] === '2') {
    const session = http2.connect(`http://${proxy.host}`);
    const stream = session.request({ ':method': 'CONNECT', ':authority': authority, 'proxy-authorization': credentials });
    const [headers] = await once(stream, 'response');
    if (headers[':status'] !== 200) throw new Error(`CONNECT was answered by ${headers[':status']}`);
    return stream;
  }
  const request = http.request({
    host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: authority,
    headers: { host: authority, 'proxy-authorization': credentials },
  });
  request.end();
  const [response, socket] = await once(request, 'connect');
  if (response.statusCode !== 200) throw new Error(`CONNECT was answered by ${response.statusCode}`);
  return socket;
}

async function connect() {
  const socket = await way();
  const options = { ca };
  if (socket) {
    options.createConnection = () =>
      url.protocol === 'https:' ? tls.connect({ socket, servername: url.hostname, ca, ALPNProtocols: ['h2'] }) : socket;
  }
  const session = http2.connect(url.origin, options);
  await once(session, 'remoteSettings');
  return session;
}

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function main() {
  const session = await connect();
  const request = (headers, options) => session.request({ ...own, ...headers, ':path': base + headers[':path'] }, options);
  const seen = { extended: Boolean(session.remoteSettings.enableConnectProtocol) };

  const trailers = request({ ':path': '/trailers' });
  const behind = once(trailers, 'trailers');
  seen.text = (await read(trailers)).toString();
  seen.trailers = (await behind)[0]['x-checksum'];

  const asking = request({ ':path': '/digest', ':method': 'POST', trailer: 'x-sum' }, { waitForTrailers: true });
  asking.on('wantTrailers', () => asking.sendTrailers({ 'x-sum': 'of the client' }));
  asking.write('first ');
  asking.end('second');
  seen.told = JSON.parse(await read(asking));

  const early = request({ ':path': '/early' });
  const hint = once(early, 'headers');
  seen.hint = (await hint)[0][':status'];
  seen.after = (await read(early)).toString();

  const asked = request({ ':path': '/echo', ':method': 'PUT', expect: '100-continue' });
  await once(asked, 'continue');
  asked.end('asked before');
  seen.asked = JSON.parse(await read(asked)).digest;

  const many = await Promise.all(Array.from({ length: 100 }, (_, number) =>
    read(request({ ':path': `/bytes/${1000 + number}` })).then((bytes) => bytes.length)));
  seen.many = many.reduce((sum, count) => sum + count, 0);

  const broken = request({ ':path': '/breaks' });
  seen.broken = await read(broken).then(() => 'it came whole', (error) => error.code);

  const given = request({ ':path': '/hold/h2' });
  await once(given, 'response');
  given.close(http2.constants.NGHTTP2_CANCEL);
  await once(given, 'close');
  seen.given = given.rstCode;

  const mirror = request({ ':path': '/mirror', ':method': 'POST' });
  const sent = crypto.createHash('sha256').update('x').digest();
  const heard = read(mirror);
  for (let round = 0; round < 2000; round += 1) {
    if (!mirror.write(Buffer.concat(Array(16).fill(sent)))) await once(mirror, 'drain');
  }
  mirror.end();
  seen.mirror = (await heard).length;

  if (seen.extended) {
    const stream = request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/socket', ':scheme': url.protocol.slice(0, -1),
      ':authority': url.host, 'sec-websocket-version': '13',
    });
    const [headers] = await once(stream, 'response');
    seen.socket = [headers[':status']];
    const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
    stream.setNoDelay = () => {};
    socket._isServer = false;
    socket.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false });
    const next = async () => { const [data, binary] = await once(socket, 'message'); return binary ? digest(data) : data.toString(); };
    socket.send('over a stream');
    seen.socket.push(await next());
    socket.send(Buffer.alloc(200_000, 'many bytes '));
    seen.socket.push(await next());
    socket.send('close');
    const [code, reason] = await once(socket, 'close');
    seen.socket.push(code, reason.toString());
  }
  console.log(JSON.stringify(seen));
  session.close();
  process.exit(0);
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
