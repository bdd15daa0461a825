// A database session by pg, the client of Node. node pg_client.js
//
// Where to and as whom stands in libpq's environment variables; PGSSLMODE=require makes it speak TLS without asking for
// whom. Prints one JSON object of what it saw.
'use strict';
const { Client, Pool, types } = require('pg');
const Cursor = require('pg-cursor');
const copy = require('pg-copy-streams');
const { pipeline } = require('node:stream/promises');
const { Readable, Writable } = require('node:stream');

// Dates as the server writes them, and numbers that JSON can carry.
for (const id of [1082, 1083, 1114, 1184]) types.setTypeParser(id, (text) => text);

const ssl = process.env.PGSSLMODE === 'require' ? { rejectUnauthorized: false } : false;

async function connect(more = {}) {
  const client = new Client({ ssl, ...more });
  await client.connect();
  return client;
}

async function failure(work) {
  try {
    await work;
    return null;
  } catch (error) {
    return [error.severity, error.code, error.message, error.detail, error.hint, error.position, error.constraint];
  }
}

async function values(client) {
  const seen = [];
  const pairs = [['bool', false], ['int4', -1], ['int8', '9223372036854775807'], ['float8', 0.1], ['numeric', '1e-20'],
    ['text', 'ß€𝄞'], ['bytea', Buffer.from([0, 255, 1])], ['json', JSON.stringify({ a: [1, null] })], ['int4[]', [1, null, 2]],
    ['text[]', ['a"', 'b\\', null]], ['timestamptz', '2026-02-03T04:05:06Z'], ['uuid', '00000000-0000-0000-0000-000000000009'],
    ['text', null]];
  for (const [type, value] of pairs) {
    const row = (await client.query(`SELECT $1::${type} AS v`, [value])).rows[0];
    seen.push([type, Buffer.isBuffer(row.v) ? row.v.toString('hex') : row.v]);
  }
  const binary = await client.query({ text: 'SELECT 7::int4, 1.5::float8, true, \'x\'::text, NULL::int', binary: true, rowMode: 'array' });
  return [seen, binary.rows, binary.fields.map((f) => [f.name, f.dataTypeID, f.format])];
}

async function errors(client) {
  await client.query('CREATE TEMP TABLE strict (n int PRIMARY KEY)');
  const seen = [
    await failure(client.query('SELEC')),
    await failure(client.query('SELECT $1::int', ['x'])),
    await failure(client.query('INSERT INTO strict VALUES (1), (1)')),
    await failure(client.query('SELECT 1/0')),
    await failure(client.query('SELECT 1; SELECT 1/0; SELECT 3')),
  ];
  seen.push((await client.query('SELECT 1 AS a; SELECT 2 AS b, 3 AS c; CREATE TEMP TABLE z (); SELECT 4')).map((r) => [r.command, r.rows]));
  return seen;
}

async function transactions(client) {
  await client.query('CREATE TEMP TABLE t (n int)');
  await client.query('BEGIN');
  await client.query('INSERT INTO t VALUES ($1)', [1]);
  await client.query('SAVEPOINT s');
  const seen = [await failure(client.query('SELECT broken')), await failure(client.query('SELECT 1'))];
  await client.query('ROLLBACK TO s');
  await client.query('INSERT INTO t VALUES (2)');
  await client.query('COMMIT');
  seen.push((await client.query('SELECT array_agg(n) FROM t')).rows);
  return seen;
}

async function named(client) {
  const seen = [];
  for (let n = 0; n < 20; n++) {
    seen.push((await client.query({ name: 'plus', text: 'SELECT $1::int + 1 AS v', values: [n] })).rows[0].v);
  }
  // Queued without waiting for the answers in between.
  const queued = await Promise.all(Array.from({ length: 300 }, (_, n) => client.query('SELECT $1::int AS v', [n])));
  return [seen, queued.every((result, n) => result.rows[0].v === n)];
}

async function cursors(client) {
  const cursor = client.query(new Cursor('SELECT n FROM generate_series(1, 100) n'));
  const seen = [];
  for (const count of [3, 10, 200]) seen.push((await cursor.read(count)).map((row) => row.n));
  seen.push((await cursor.read(1)).length);
  await cursor.close();
  const left = client.query(new Cursor('SELECT n FROM generate_series(1, 100) n'));
  seen.push((await left.read(2)).length);
  await left.close();
  seen.push((await client.query('SELECT \'goes on\' AS v')).rows);
  return seen;
}

async function copies(client) {
  await client.query('CREATE TEMP TABLE copied (n int, t text)');
  const lines = Array.from({ length: 20000 }, (_, n) => `${n}\tline ${n}\n`).join('');
  const into = client.query(copy.from('COPY copied FROM STDIN'));
  await pipeline(Readable.from([Buffer.from(lines)]), into);
  const chunks = [];
  const out = client.query(copy.to('COPY copied TO STDOUT'));
  await pipeline(out, new Writable({ write(chunk, _, done) { chunks.push(chunk); done(); } }));
  const wrong = client.query(copy.from('COPY copied FROM STDIN'));
  const refused = await failure(pipeline(Readable.from([Buffer.from('x\ty\n')]), wrong));
  return [into.rowCount, out.rowCount, Buffer.concat(chunks).toString() === lines, refused && refused[1]];
}

async function cancels(client) {
  const other = await connect();
  const query = client.query('SELECT pg_sleep(120)');
  const outcome = failure(query);
  const running = 'SELECT count(*)::int AS c FROM pg_stat_activity WHERE state = \'active\' AND query = \'SELECT pg_sleep(120)\'';
  while ((await other.query(running)).rows[0].c === 0) await new Promise((wake) => setTimeout(wake, 20));
  await other.end();
  // The key that the session was given, on a connection of its own.
  const net = require('node:net');
  const socket = net.connect(Number(process.env.PGPORT), process.env.PGHOST);
  const key = Buffer.alloc(16);
  key.writeInt32BE(16, 0);
  key.writeInt32BE(80877102, 4);
  key.writeInt32BE(client.processID, 8);
  key.writeInt32BE(client.secretKey, 12);
  socket.end(key);
  socket.resume();
  await new Promise((closed) => socket.on('close', closed));
  const seen = (await outcome).slice(0, 3);
  return [seen, (await client.query('SELECT \'still here\' AS v')).rows];
}

async function notifications(client) {
  const heard = [];
  const all = new Promise((done) => client.on('notification', (n) => heard.push([n.channel, n.payload]) === 3 && done()));
  await client.query('LISTEN news');
  const speaker = await connect();
  await speaker.query('NOTIFY news, \'one\'');
  await speaker.query('SELECT pg_notify(\'news\', $1)', ['ü'.repeat(1000)]);
  await speaker.query('NOTIFY news');
  await all;
  await speaker.end();
  return heard;
}

async function settings() {
  const client = await connect({ application_name: 'pg suite', statement_timeout: 59000, options: '-c work_mem=7MB' });
  const notices = [];
  client.on('notice', (notice) => notices.push([notice.severity, notice.message]));
  await client.query('DO $$ BEGIN RAISE WARNING \'warned\'; END $$');
  const seen = [];
  for (const name of ['application_name', 'statement_timeout', 'work_mem']) {
    seen.push(Object.values((await client.query(`SHOW ${name}`)).rows[0])[0]);
  }
  await client.end();
  return [notices, seen];
}

async function pool() {
  const pool = new Pool({ ssl, max: 5 });
  const results = await Promise.all(Array.from({ length: 100 }, (_, n) => pool.query('SELECT $1::int AS v', [n])));
  await pool.end();
  return results.reduce((sum, result) => sum + result.rows[0].v, 0);
}

async function main() {
  const seen = {};
  for (const part of [values, errors, transactions, named, cursors, copies, cancels, notifications, settings, pool]) {
    const client = await connect();
    seen[part.name] = await part(client);
    await client.end();
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
