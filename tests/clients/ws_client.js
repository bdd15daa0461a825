// What the library ws sees of a server's echo, as JSON.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const tls = require('node:tls');
const { once } = require('node:events');
const WebSocket = require('ws');

const url = process.env.WEB_URL.replace(/^http/, 'ws');
const headers = process.env.WEB_TOKEN ? { authorization: `Bearer ${process.env.WEB_TOKEN}` } : {};
const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

// A connection through the proxy to the host of `url`, by CONNECT.
async function tunnel() {
  const proxy = new URL(process.env.WEB_PROXY);
  const to = new URL(url);
  const authority = `${to.hostname}:${to.port || (to.protocol === 'wss:' ? 443 : 80)}`;
  const credentials = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
  const request = http.request({
    host: proxy.hostname,
    port: proxy.port,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, 'proxy-authorization': `Basic ${credentials}` },
  });
  request.end();
  const [response, socket] = await once(request, 'connect');
  if (response.statusCode !== 200) throw new Error(`CONNECT was answered by ${response.statusCode}`);
  if (to.protocol === 'ws:') return socket;
  return tls.connect({ socket, servername: to.hostname, ALPNProtocols: ['http/1.1'] });
}

async function open(path) {
  const options = { headers, perMessageDeflate: true };
  if (process.env.WEB_PROXY) {
    const socket = await tunnel();
    options.createConnection = () => socket;
  }
  const socket = new WebSocket(url + path, options);
  const messages = [];
  const waiting = [];
  socket.on('message', (data, binary) => {
    const value = binary ? digest(data) : data.toString();
    if (waiting.length) waiting.shift()(value);
    else messages.push(value);
  });
  const next = () => (messages.length ? messages.shift() : new Promise((resolve) => waiting.push(resolve)));
  await once(socket, 'open');
  return { socket, next };
}

async function main() {
  const seen = {};
  const { socket, next } = await open('/socket');
  socket.send('text');
  seen.text = await next();
  socket.send(crypto.createHash('sha512').update('x').digest());
  seen.binary = await next();
  socket.send('part ', { fin: false });
  socket.send('by part', { fin: true });
  seen.parts = await next();
  socket.send(Buffer.alloc(3_000_000, 'large '));
  seen.large = await next();
  socket.ping('node');
  seen.pong = (await once(socket, 'pong'))[0].toString();
  socket.send('ping me');
  seen.ping = (await once(socket, 'ping'))[0].toString();
  socket.send('close');
  const [code, reason] = await once(socket, 'close');
  seen.closed = [code, reason.toString()];
  const other = await open('/socket');
  other.socket.close(1000, 'done');
  const [own] = await once(other.socket, 'close');
  seen.done = own;
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => { console.error('Error', error); process.exit(1); });
