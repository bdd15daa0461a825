// What isomorphic-git does with a repository: isomorphic_git_client.js URL FOLDER WORD, where WORD is clone, fetch, push
// or force. Who it is comes by the environment: GIT_USER and GIT_PASSWORD.
'use strict';

const fs = require('node:fs');
const git = require('isomorphic-git');
const http = require('isomorphic-git/http/node');

const [url, dir, word] = process.argv.slice(2);
const onAuth = () => ({ username: process.env.GIT_USER, password: process.env.GIT_PASSWORD });
const author = { name: 'Ana Ríos', email: 'ana@example.org' };
const way = { fs, http, dir, url, onAuth };

async function main() {
  if (word === 'clone') await git.clone({ ...way, ref: 'main' });
  else if (word === 'fetch') await git.fetch({ ...way, ref: 'main' });
  else if (word === 'commit') {
    fs.writeFileSync(`${dir}/by-isomorphic-git`, 'one\ntwo\n');
    await git.add({ fs, dir, filepath: 'by-isomorphic-git' });
    await git.commit({ fs, dir, author, message: 'By isomorphic-git' });
  } else {
    const messages = [];
    const pushed = await git
      .push({ ...way, ref: 'main', force: word === 'force', onMessage: (text) => { messages.push(text); } })
      .catch((error) => error.data && error.data.result ? error.data.result : Promise.reject(error));
    console.log(JSON.stringify({ ok: pushed.ok, refs: pushed.refs, messages }));
  }
  console.log('done');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
