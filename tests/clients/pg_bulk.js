// A copy of much by pg. node pg_bulk.js FROM TO: the file FROM into the table bulk, and that into TO.
'use strict';
const fs = require('node:fs');
const { pipeline } = require('node:stream/promises');
const { Client } = require('pg');
const copy = require('pg-copy-streams');

async function main() {
  const [from, to] = process.argv.slice(2);
  const client = new Client();
  await client.connect();
  await pipeline(fs.createReadStream(from), client.query(copy.from('COPY bulk FROM STDIN')));
  await pipeline(client.query(copy.to('COPY bulk TO STDOUT')), fs.createWriteStream(to));
  await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
