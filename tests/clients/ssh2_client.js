// A journey with ssh2. node ssh2_client.js PORT LOGIN KEY FOLDER ECHO_PORT
//
// Prints one JSON object of what it saw.
'use strict';

const fs = require('fs');
const { promisify } = require('util');
const { Client } = require('ssh2');

const [port, login, key, folder, echoPort] = process.argv.slice(2);

function collect(stream) {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (data) => { text += data; });
    stream.on('end', () => resolve(text));
    stream.on('error', reject);
  });
}

async function exec(client) {
  const stream = await promisify(client.exec.bind(client))('cat; echo err >&2; exit 7');
  const exit = new Promise((resolve) => stream.on('exit', resolve));
  const out = collect(stream);
  const err = collect(stream.stderr);
  stream.end('typed\n');
  return [await out, await err, await exit];
}

async function shell(client) {
  const stream = await promisify(client.shell.bind(client))({ term: 'xterm', cols: 111, rows: 37 });
  const exit = new Promise((resolve) => stream.on('exit', resolve));
  let text = '';
  let check = () => {};
  stream.on('data', (data) => { text += data; check(); });
  const until = (wanted) => new Promise((resolve) => {
    check = () => { if (text.includes(wanted)) resolve(); };
    check();
  });
  stream.write('PS1=; stty -echo; echo [$(stty size)]\n');
  await until('[37 111]');
  stream.setWindow(20, 90, 0, 0);
  stream.write('until [ "$(stty size)" = "20 90" ]; do sleep 0.05; done; echo [$(stty size)]\n');
  await until('[20 90]');
  stream.write('exit 3\n');
  return exit;
}

async function sftp(client) {
  const session = await promisify(client.sftp.bind(client))();
  const call = (name, ...rest) => promisify(session[name].bind(session))(...rest);
  await call('writeFile', `${folder}/written`, Buffer.alloc(100000, 'x'));
  await call('rename', `${folder}/written`, `${folder}/renamed`);
  await call('fastGet', `${folder}/renamed`, `${folder}/got`);
  const names = (await call('readdir', folder)).map((entry) => entry.filename).sort();
  return [fs.statSync(`${folder}/got`).size, names];
}

async function forward(client) {
  const stream = await promisify(client.forwardOut.bind(client))('127.0.0.1', 1, '127.0.0.1', Number(echoPort));
  const heard = collect(stream);
  stream.end('forwarded');
  return heard;
}

const client = new Client();
client.on('ready', async () => {
  const seen = {
    exec: await exec(client), shell: await shell(client), sftp: await sftp(client), forward: await forward(client),
  };
  console.log(JSON.stringify(seen));
  client.end();
});
client.on('error', (error) => { console.error(error); process.exit(1); });
client.connect({ host: '127.0.0.1', port: Number(port), username: login, privateKey: fs.readFileSync(key) });
