import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import test from 'node:test';
import { kyros } from './package.mjs';

const { Task, WebhookVerificationError, verifyWebhook, webhookHandler } = kyros;
const peers = createRequire(new URL('../../peers/node/', import.meta.url));
const VECTORS = JSON.parse(fs.readFileSync(new URL('../../vectors/webhook_signatures.json', import.meta.url)));
const SENTENCES = {
  'wrong signature': /No signature in webhook-signature matches|X-Kyros-Signature does not match/,
  'stale timestamp': /too old|from the future/,
  'missing header': /not signed|is missing/,
  'no time': /covers no time/,
  'malformed signature': /not 64 lower-case hexadecimal digits/,
  'malformed timestamp': /not a time in seconds/,
};
const AT = 1767225600;
const BODY =
  '{"id":"evt_1","type":"task.created","created_at":"2026-01-01T00:00:00Z","data":{"title":"é","created_by":"key_1"}}';

function sent(body = BODY, { secret = 'secret', at = AT } = {}) {
  const hmac = (text) => crypto.createHmac('sha256', secret).update(text);
  const signed = Buffer.concat([Buffer.from(`evt_1.${at}.`), Buffer.from(body)]);
  return {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${hmac(signed).digest('base64')}`,
    'x-kyros-signature': hmac(body).digest('hex'),
  };
}

const onlyBare = (headers) => ({ 'X-Kyros-Signature': headers['x-kyros-signature'] });
const verify = (body, headers, options) => verifyWebhook(body, headers, 'secret', { now: AT * 1000, ...options });
const refuses = (does, sentence) =>
  assert.throws(does, (error) => error instanceof WebhookVerificationError && sentence.test(error.message));

for (const vector of VECTORS) {
  const options = { now: vector.now * 1000 };
  if (vector.refused) {
    test(`refuses ${vector.name}`, () => {
      const { body, headers, secret, allow_untimed: allowUntimed, refused } = vector;
      refuses(() => verifyWebhook(body, headers, secret, { ...options, allowUntimed }), SENTENCES[refused]);
    });
  } else {
    test(`accepts ${vector.name}`, () => {
      const standard = {
        'webhook-id': vector.id,
        'Webhook-Timestamp': String(vector.timestamp),
        'webhook-signature': vector.webhook_signature,
      };
      const bare = { 'X-Kyros-Signature': vector.hex_signature };
      for (const [headers, allowUntimed] of [[standard, undefined], [standard, true], [bare, true]]) {
        for (const body of [vector.body, Buffer.from(vector.body), new Uint8Array(Buffer.from(vector.body))]) {
          const event = verifyWebhook(body, headers, vector.secret, { ...options, allowUntimed });
          assert.equal(JSON.stringify(event), JSON.stringify(JSON.parse(vector.body)));
        }
      }
    });
  }
}

test('accepts what the stock library signs', () => {
  const { Webhook } = peers('standardwebhooks');
  const secret = `whsec_${Buffer.from('a key of the stock library').toString('base64')}`;
  const now = new Date();
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': `v1a,other v1,${'A'.repeat(43)}= ${new Webhook(secret).sign('msg_1', now, BODY)}`,
  };
  assert.equal(verifyWebhook(BODY, headers, secret).id, 'evt_1');
});

test('no changed byte is accepted', () => {
  for (const headers of [sent(), onlyBare(sent())]) {
    for (let at = 0; at < Buffer.byteLength(BODY); at += 1) {
      const changed = Buffer.from(BODY);
      changed[at] ^= 1;
      refuses(() => verify(changed, headers, { allowUntimed: true }), /match/);
    }
  }
});

test('headers of any server', () => {
  const headers = sent();
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  for (const each of [headers, upper, new Map(Object.entries(headers)), { ...headers, cookie: ['a', 'b'], other: undefined }]) {
    assert.equal(verify(BODY, each).id, 'evt_1');
  }
});

test('hostile headers are refused in a sentence', () => {
  const values = ['', ' ', 'v1,', 'v1,é', 'a'.repeat(64), '\ud800', ['v1,a', 'v1,b'], '1'.repeat(13), 'NaN', undefined];
  for (const name of Object.keys(sent())) {
    for (const value of values) {
      refuses(() => verify('{}', { [name]: value }, { allowUntimed: true }), /\.$/);
      if (name !== 'x-kyros-signature') refuses(() => verify(BODY, { ...sent(), [name]: value }), /\.$/);
    }
  }
});

test('tolerance', () => {
  const ages = [[0, 0, null], [300, 300, null], [-300, 300, null], [300.5, 300, /too old: more than 300 sec/], [-300.5, 300, /from the future/], [1, 0, /too old/]];
  for (const [age, tolerance, sentence] of ages) {
    const check = () => verify(BODY, sent(), { now: (AT + age) * 1000, tolerance: tolerance * 1000 });
    if (sentence) refuses(check, sentence);
    else assert.equal(check().id, 'evt_1');
  }
  refuses(() => verifyWebhook(BODY, sent(), 'secret'), /too old/);
  refuses(() => verify(BODY, sent(), { now: Number.NaN }), /too old/);
  assert.equal(verify(BODY, sent(), { now: 0, tolerance: Number.POSITIVE_INFINITY }).id, 'evt_1');
  for (const tolerance of [Number.NaN, -1, '300', null]) {
    assert.throws(() => verify(BODY, sent(), { now: 0, tolerance }), /^TypeError: tolerance must be/);
  }
});

test('signed but no event', () => {
  for (const body of ['', '[1]', '"a"', 'null', '{', Buffer.from([0xff]), '['.repeat(100_000), '\ufeff{}']) {
    for (const headers of [sent(body), onlyBare(sent(body))]) {
      refuses(() => verify(body, headers, { allowUntimed: true }), /signed, but is not/);
    }
  }
});

test('mistakes of the caller are no verification errors', () => {
  assert.throws(() => verify({ type: 'task.created' }, sent()), TypeError);
  for (const secret of ['', undefined]) {
    assert.throws(() => verifyWebhook(BODY, sent(), secret), /^TypeError: secret is empty/);
    assert.throws(() => webhookHandler(secret, () => {}), /^TypeError: secret is empty/);
  }
  assert.throws(() => verify(BODY, sent(), { tolerence: 1 }), /There is no option tolerence/);
});

test('an event reads like an answer', () => {
  const event = verify(BODY, sent());
  assert(event.data instanceof Task);
  assert.equal(event.data.createdBy, 'key_1');
  assert.deepEqual([event.created_at, event.createdAt], Array(2).fill('2026-01-01T00:00:00Z'));
  assert.equal(JSON.stringify(event), BODY);
});

/** Serves while it is asked. */
async function serving(app, does) {
  const server = http.createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await does(`http://127.0.0.1:${server.address().port}/webhooks/kyros`);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}

async function post(url, body, headers) {
  const request = http.request(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } });
  request.end(body);
  const [response] = await once(request, 'response');
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return [response.statusCode, JSON.parse(Buffer.concat(pieces))];
}

const now = () => Math.floor(Date.now() / 1000);
const express = peers('express');
const PARSERS = {
  'nothing before it': [],
  'express.raw()': [express.raw({ type: '*/*' })],
  'express.text()': [express.text({ type: '*/*' })],
  'express.json(), as in the guide': [express.json()],
  'a parser that keeps the raw body': [express.json({ verify: (request, _, buffer) => (request.rawBody = buffer) })],
  'a parser that takes other types only': [express.json({ type: 'text/xml' })],
};

for (const [name, parsers] of Object.entries(PARSERS)) {
  test(`the handler in Express, after ${name}`, async () => {
    const seen = [];
    const app = express();
    app.post('/webhooks/kyros', ...parsers, webhookHandler('secret', (event) => seen.push(event.data.title)));
    await serving(app, async (url) => {
      const headers = sent(BODY, { at: now() });
      assert.deepEqual(await post(url, BODY, headers), [200, { status: 'received' }]);
      const [status, answer] = await post(url, BODY.replace('evt_1', 'evt_2'), headers);
      assert.equal(status, 401);
      assert.equal(answer.error, 'No signature in webhook-signature matches.');
      assert.equal((await post(url, BODY, {}))[0], 401);
    });
    assert.deepEqual(seen, ['é']);
  });
}

test('what goes wrong in Express is told to its next handler', async () => {
  const app = express();
  app.post('/webhooks/kyros', webhookHandler('secret', async () => Promise.reject(new Error('mine'))));
  app.use((error, _request, response, _next) => response.status(503).json({ error: error.message }));
  await serving(app, async (url) => {
    assert.deepEqual(await post(url, BODY, sent(BODY, { at: now() })), [503, { error: 'mine' }]);
  });
});

test('the handler in a server of its own', async (context) => {
  const told = context.mock ? context.mock.method(console, 'error', () => {}) : undefined;
  const handled = [];
  const handler = webhookHandler('secret', (event) => {
    handled.push(event.type);
    if (event.type === 'test') throw new Error('mine');
  });
  await serving((request, response) => handler(request, response), async (url) => {
    assert.equal((await post(url, BODY, sent(BODY, { at: now() })))[0], 200);
    const body = '{"type":"test","data":{}}';
    assert.deepEqual(await post(url, body, sent(body, { at: now() })), [500, { error: 'The event could not be handled.' }]);
    const large = JSON.stringify({ type: 'task.created', data: { title: 'a'.repeat(2_000_000) } });
    const refusal = await post(url, large, sent(large, { at: now() })).catch((error) => error);
    // Refused, or broken off before the answer could be read.
    assert(refusal[0] === 401 || ['ECONNRESET', 'EPIPE'].includes(refusal.code), String(refusal));
    assert.deepEqual(handled, ['task.created', 'test']);
  });
  if (told) assert.equal(told.mock.calls.length, 1);
});

test('a handler takes a request without a time only where it is told to', async () => {
  const app = express();
  app.post('/webhooks/kyros', webhookHandler('secret', () => {}));
  app.post('/webhooks/kyros/untimed', webhookHandler('secret', () => {}, { allowUntimed: true }));
  await serving(app, async (url) => {
    assert.equal((await post(url, BODY, onlyBare(sent())))[0], 401);
    assert.equal((await post(`${url}/untimed`, BODY, onlyBare(sent())))[0], 200);
  });
});

test('a handler that answers itself', async () => {
  const app = express();
  app.post('/webhooks/kyros', (request, response, next) =>
    webhookHandler('secret', () => response.status(202).json({}))(request, response, next));
  await serving(app, async (url) => assert.deepEqual(await post(url, BODY, sent(BODY, { at: now() })), [202, {}]));
});
