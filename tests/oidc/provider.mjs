// An OpenID Provider on loopback for tests/oidc, and an application that gets credentials from it.
// node provider.mjs FOLDER [SETTINGS], where FOLDER/node_modules has oidc-provider, and SETTINGS is JSON. `tls` has `key` and `cert` of the
// provider in PEM, and `ca`, by which it verifies clients: with it, clients that show a certificate are served as well. `logout` is where
// it tells the application's service of logouts. Prints one line of JSON when it serves, and ends with its standard input.
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const packages = join(process.argv[2], 'node_modules');
const { Provider, errors } = await import(pathToFileURL(join(packages, 'oidc-provider', 'lib', 'index.js')));
const { createLocalJWKSet, jwtVerify } = await import(pathToFileURL(join(packages, 'jose', 'dist', 'webapi', 'index.js')));

const RESOURCE = 'https://llm.example.com/mcp';
// The credentials for this one are opaque.
const OPAQUE = 'https://opaque.example.com';
const SCOPES = 'generate:invoke models:read';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
// A service further on, for which credentials are exchanged.
const VECTORS = 'https://vectors.example.com';
const REDIRECT = 'http://127.0.0.1/callback';

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

// Where clients show their certificates (RFC 8705 §5). Who shows none, or one of somebody else, still gets an answer.
const settings = JSON.parse(process.argv[3] ?? '{}');
let tlsServer;
if (settings.tls) {
  tlsServer = createTlsServer({ ...settings.tls, requestCert: true, rejectUnauthorized: false });
  await new Promise((resolve) => tlsServer.listen(0, '127.0.0.1', resolve));
}

// The cookies of the user's browser, since the last login.
let cookies = new Map();
// What came of telling of logouts.
const told = [];
let keys = [newKey()];
let provider = newProvider();
for (const one of [server, tlsServer]) {
  one?.on('request', (request, response) => {
    serve(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error.stack));
    });
  });
}
process.stdin.on('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ issuer, tls: tlsServer && `https://127.0.0.1:${tlsServer.address().port}` }));

async function serve(request, response) {
  const url = new URL(request.url, issuer);
  if (url.pathname.startsWith('/login/')) return login(request, response);
  if (url.pathname === '/application/code') return json(response, await authorizationCode(RESOURCE));
  if (url.pathname === '/application/opaque') return json(response, await authorizationCode(OPAQUE));
  if (url.pathname === '/application/logout') return json(response, await logOut());
  // The old key goes at once: the hardest case for whoever verifies.
  if (url.pathname === '/operator/rotate') {
    keys = [newKey()];
    provider = newProvider();
    return json(response, { kid: keys[0].kid });
  }
  return provider.callback()(request, response);
}

function json(response, value) {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

function newProvider() {
  const made = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['only for this test'] },
    clients: [
      {
        client_id: 'batch',
        client_secret: 'batch-secret',
        token_endpoint_auth_method: 'client_secret_post',
        id_token_signed_response_alg: 'ES256',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        // Known by its certificate, to which its credentials are bound (RFC 8705 §2.1, §3).
        client_id: 'machine',
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_san_dns: 'machine.example.com',
        tls_client_certificate_bound_access_tokens: true,
        id_token_signed_response_alg: 'ES256',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'gate',
        client_secret: 'gate-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'ES256',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'orchestrator',
        client_secret: 'orchestrator-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: 'ES256',
        grant_types: [EXCHANGE],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'app',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [REDIRECT],
        id_token_signed_response_alg: 'ES256',
        ...(settings.logout && {
          backchannel_logout_uri: settings.logout,
          backchannel_logout_session_required: true,
        }),
      },
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'tls_client_auth', 'none'],
    // The service that is told of logouts is on loopback, where the provider's own dispatcher asks nobody.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    acrValues: ['urn:example:mfa'],
    findAccount: (context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: (context, interaction) => `/login/${interaction.uid}` },
    extraTokenClaims: (context) => {
      if (context.actor) return { act: { sub: context.actor } };
      const code = context.oidc.entities.AuthorizationCode;
      return code ? { acr: code.acr, amr: code.amr, auth_time: code.authTime, sid: code.sid } : undefined;
    },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        getCertificate: (context) => context.socket.getPeerX509Certificate?.(),
        certificateAuthorized: (context) => context.socket.authorized,
        certificateSubjectMatches: (context, property, expected) =>
          property === 'tls_client_auth_san_dns' &&
          context.socket.getPeerX509Certificate().checkHost(expected, { subject: 'never' }) === expected,
      },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (context, resource) => ({
          scope: SCOPES,
          audience: resource,
          accessTokenFormat: resource === OPAQUE ? 'opaque' : 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  made.registerGrantType(EXCHANGE, exchange, ['audience', 'scope', 'subject_token', 'subject_token_type', 'requested_token_type']);
  made.on('backchannel.success', () => told.push('taken'));
  made.on('backchannel.error', (context, error) => told.push(error.message));
  made.on('server_error', (context, error) => console.error(error.stack));
  return made;
}

// RFC 8693, for credentials that this provider issued itself: no scope is added, and the client becomes the actor.
async function exchange(context) {
  const { params, client, provider: own } = context.oidc;
  if (params.audience !== VECTORS) throw new errors.InvalidTarget('there is no such service');
  const published = keys.map(({ d, ...half }) => half);
  const { payload } = await jwtVerify(params.subject_token, createLocalJWKSet({ keys: published }), { issuer }).catch(() => {
    throw new errors.InvalidGrant('the subject token does not hold');
  });
  const held = payload.scope.split(' ');
  if (!params.scope.split(' ').every((name) => held.includes(name))) throw new errors.InvalidScope('more than the user has', params.scope);
  const issued = new own.AccessToken({ client, accountId: payload.sub, scope: params.scope, gty: 'token_exchange' });
  issued.resourceServer = new own.ResourceServer(VECTORS, {
    scope: SCOPES, audience: VECTORS, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
  });
  context.actor = client.clientId;
  context.oidc.entity('AccessToken', issued);
  context.body = {
    access_token: await issued.save(),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: issued.tokenType,
    expires_in: issued.expiration,
    scope: params.scope,
  };
}

// The user logs in with two factors, and allows what is asked for.
async function login(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: 'alice', clientId: params.client_id });
  grant.addOIDCScope('openid');
  grant.addResourceScope(params.resource, SCOPES);
  const result = {
    login: { accountId: 'alice', acr: 'urn:example:mfa', amr: ['pwd', 'otp'] },
    consent: { grantId: await grant.save() },
  };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// RFC 6749 §4.1 with PKCE (RFC 7636), as a browser and an application do it.
async function authorizationCode(resource) {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: `openid ${SCOPES}`,
    resource,
    nonce: randomUUID(),
    state: randomUUID(),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  cookies = new Map();
  let next = `${issuer}/auth?${query}`;
  while (!next.startsWith(REDIRECT)) {
    const answer = await browse(next);
    if (!answer.headers.has('location')) throw new Error(`${next}: ${answer.status} ${await answer.text()}`);
    next = new URL(answer.headers.get('location'), issuer).href;
  }
  const code = new URL(next).searchParams.get('code');
  if (!code) throw new Error(next);
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'app',
    redirect_uri: REDIRECT,
    code,
    code_verifier: verifier,
  });
  return (await fetch(`${issuer}/token`, { method: 'POST', body })).json();
}

// OpenID Connect RP-Initiated Logout, by the browser of the last login; the user says yes.
async function logOut() {
  const page = await (await browse(`${issuer}/session/end?client_id=app`)).text();
  const body = new URLSearchParams({ xsrf: page.match(/name="xsrf" value="([^"]+)"/)[1], logout: 'yes' });
  const answer = await browse(`${issuer}/session/end/confirm`, { method: 'POST', body });
  return { status: answer.status, told };
}

async function browse(url, options) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(url, { redirect: 'manual', headers: { cookie }, ...options });
  for (const set of answer.headers.getSetCookie()) {
    const [name, value] = set.split(';')[0].split('=');
    cookies.set(name, value);
  }
  return answer;
}
