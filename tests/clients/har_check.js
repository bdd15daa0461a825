// Judges the HAR on standard input by a validator of another house, and says of each entry what a test asks, as JSON.
'use strict';

const validator = require('har-validator');

async function main() {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const har = JSON.parse(Buffer.concat(pieces));
  await validator.har(har);
  const entries = har.log.entries.map(({ request, response, time }) => ({
    method: request.method,
    url: request.url,
    sent: request.postData ? request.postData.text : null,
    status: response.status,
    type: response.content.mimeType,
    text: response.content.encoding === 'base64' ? Buffer.from(response.content.text, 'base64').toString() : response.content.text,
    time,
  }));
  console.log(JSON.stringify({ version: har.log.version, creator: har.log.creator.name, entries }));
}

main().catch((error) => { console.error(JSON.stringify(error.errors || String(error))); process.exit(1); });
