// An OpenID Connect provider: the library oidc-provider, with people who have any password, clients, and keys that can
// change. It does what lines of JSON on its standard input say, and answers each by a line that begins with its number.
//
// Run as: node identity_provider.js [seconds that tokens last]
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const readline = require('node:readline');
const { pathToFileURL } = require('node:url');

const load = (name) => import(pathToFileURL(require.resolve(name)));
const lasts = Number(process.argv[2] ?? 3600);

// Whoever logs in is who they say; these have groups.
const GROUPS = { ana: ['dev'], bob: ['leads', 'dev'], eve: [] };

const CLIENTS = [
  {
    client_id: 'wiretape',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  },
  {
    // What libpq asks for is the access token.
    client_id: 'psql',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [],
    response_types: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
  },
  {
    client_id: 'coding-agent',
    client_secret: 'agent secret: 100%',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  },
  {
    client_id: 'pipeline',
    client_secret: 'pipeline-secret',
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  },
];

// Clients that name no resource, and get access tokens for the gateway all the same.
const FOR_THE_GATEWAY = ['psql', 'coding-agent', 'pipeline'];

const ALGORITHMS = { wiretape: 'RS256', psql: 'RS256', 'coding-agent': 'EdDSA', pipeline: 'ES256' };

function pair(name) {
  const made = {
    RS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => crypto.generateKeyPairSync('ed25519'),
  }[name]();
  const kid = `${name}-${crypto.randomBytes(6).toString('hex')}`;
  return { ...made, kid, alg: name };
}

const keySet = () => ['RS256', 'ES256', 'EdDSA'].map(pair);
const privateJwk = ({ privateKey, kid, alg }) => ({ ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signature(alg, key, text) {
  switch (alg) {
    case 'RS256': return crypto.sign('sha256', text, key);
    case 'ES256': return crypto.sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' });
    default: return crypto.sign(null, text, key);
  }
}

async function main() {
  const { default: Provider } = await load('oidc-provider');
  const server = http.createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let keys;
  let handle;
  let down = false;
  let asked = {};

  function renew() {
    keys = keySet();
    const provider = new Provider(issuer, {
      clients: CLIENTS,
      jwks: { keys: keys.map(privateJwk) },
      cookies: { keys: ['of no matter'] },
      conformIdTokenClaims: false,
      claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
      enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({
          sub: id, preferred_username: id, groups: GROUPS[id] ?? [], email: `${id}@example.com`, email_verified: true,
        }),
      }),
      features: {
        deviceFlow: { enabled: true },
        clientCredentials: { enabled: true },
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: (ctx, client) => (FOR_THE_GATEWAY.includes(client?.clientId) ? 'urn:wiretape' : undefined),
          useGrantedResource: (ctx) => ctx.oidc.client.clientId === 'psql',
          getResourceServerInfo: (_, resource, client) => ({
            audience: resource === 'urn:wiretape' ? 'wiretape' : resource,
            scope: '',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: ALGORITHMS[client.clientId] } },
          }),
        },
      },
      // Persons are called in their access tokens as in their ID tokens.
      extraTokenClaims: (_, token) => (
        token.clientId === 'psql' ? { preferred_username: token.accountId, groups: GROUPS[token.accountId] ?? [] } : undefined
      ),
      ttl: { IdToken: lasts, AccessToken: lasts, ClientCredentials: lasts },
    });
    handle = provider.callback();
  }

  renew();
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url, issuer);
    asked[pathname] = (asked[pathname] ?? 0) + 1;
    if (down) {
      response.writeHead(503).end('down');
    } else {
      handle(request, response);
    }
  });

  // A token of any header and claims; `key` says who signs it.
  function mint({ header = {}, claims = {}, key = 'issuer', alg = 'RS256', parts = {} }) {
    const own = keys.find((candidate) => candidate.alg === alg);
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: issuer, aud: 'wiretape', sub: 'ana', iat: now, exp: now + 300, jti: crypto.randomUUID(), ...claims };
    for (const [name, value] of Object.entries(payload)) if (value === null) delete payload[name];
    const head = { alg, typ: 'JWT', kid: own.kid, ...header };
    for (const [name, value] of Object.entries(head)) if (value === null) delete head[name];
    if (head.jwk === 'own') head.jwk = pair(alg).publicKey.export({ format: 'jwk' });
    const text = `${encoded(head)}.${parts.payload ?? encoded(payload)}`;
    const pem = own.publicKey.export({ type: 'spki', format: 'pem' });
    const signed = {
      issuer: () => signature(alg, own.privateKey, Buffer.from(text)),
      other: () => signature(alg, pair(alg).privateKey, Buffer.from(text)),
      none: () => Buffer.alloc(0),
      public: () => crypto.createHmac('sha256', pem).update(text).digest(),
    }[key]();
    return `${text}.${signed.toString('base64url')}`;
  }

  // Goes where a person with a browser goes: fills in each form until there is none, or the way leads elsewhere.
  async function person({ url, login, refuse = false }) {
    const jar = new Map();
    let next = { url, init: {} };
    for (let step = 0; step < 30; step += 1) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { ...next.init.headers, ...(next.url.startsWith(issuer) ? { cookie } : {}) };
      const response = await fetch(next.url, { ...next.init, headers, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (value === '') jar.delete(name); else jar.set(name, value);
      }
      const page = await response.text();
      if (next.last) return { status: response.status, page };
      if (response.status >= 300 && response.status < 400) {
        next = { url: new URL(response.headers.get('location'), next.url).href, init: {} };
        continue;
      }
      if (!next.url.startsWith(issuer)) return { status: response.status, page };
      const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(page);
      if (form === null) return { status: response.status, page };
      const fields = new URLSearchParams();
      for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
        const name = /name="([^"]*)"/.exec(input)?.[1];
        const value = /value="([^"]*)"/.exec(input)?.[1] ?? '';
        if (name) fields.set(name, { login, password: 'any' }[name] ?? value);
      }
      const refused = refuse && fields.has('confirm');
      if (refused) fields.set('abort', 'yes');
      next = {
        url: new URL(form[1].replaceAll('&amp;', '&'), next.url).href,
        last: refused,
        init: {
          method: 'POST', body: fields.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' },
        },
      };
    }
    throw new Error('the forms have no end');
  }

  const DO = {
    mint,
    person,
    rotate: () => renew(),
    down: () => { down = true; },
    up: () => { down = false; },
    asked: ({ path }) => asked[path] ?? 0,
    secret: ({ client }) => CLIENTS.find((known) => known.client_id === client).client_secret,
  };
  console.log(`issuer ${issuer}`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { number, what, ...rest } = JSON.parse(line);
    try {
      console.log(`answer ${number} ${JSON.stringify((await DO[what](rest)) ?? null)}`);
    } catch (error) {
      console.log(`answer ${number} ${JSON.stringify({ error: String(error.stack) })}`);
    }
  }
}

main();
