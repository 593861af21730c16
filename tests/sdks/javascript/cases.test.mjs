// The shared cases (tests/vectors/README.md), over real HTTP.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { camel, make, ways } from './calls.mjs';
import { kyros } from './package.mjs';
import { KEY, ScriptedServer, environment, nobody } from './scripted-server.mjs';

const FOLDER = fileURLToPath(new URL('../../vectors/sdk/', import.meta.url));
const CLASSES = {
  argument: TypeError,
  validation: kyros.ValidationError,
  authentication: kyros.AuthenticationError,
  permission_denied: kyros.PermissionDeniedError,
  not_found: kyros.NotFoundError,
  conflict: kyros.ConflictError,
  rate_limit: kyros.RateLimitError,
  server: kyros.ServerError,
  connection: kyros.APIConnectionError,
  timeout: kyros.APITimeoutError,
};

const server = await ScriptedServer.started();
let played = 0;

for (const file of fs.readdirSync(FOLDER)) {
  for (const written of JSON.parse(fs.readFileSync(FOLDER + file, 'utf8'))) {
    for (const way of new Set(written.calls.flatMap(ways))) {
      test(`${file}: ${written.name}, ${way}`, () => playCase(written, way));
      played += 1;
    }
  }
}
test('there are cases', () => assert(played > 200, String(played)));

async function playCase(written, way) {
  const addresses = { server: server.url, nobody: await nobody() };
  const fill = (_, name) => addresses[name];
  const testCase = JSON.parse(JSON.stringify(written).replace(/\{(server|nobody)\}/g, fill));
  environment(testCase.client?.environment ?? {});
  server.answers(...testCase.exchanges.map((exchange) => exchange.answer));
  const pauses = [];
  await playCalls(testCase, way, pauses);
  assert.equal(server.asked.length, testCase.exchanges.length);
  server.asked.forEach((asked, n) => compareRequest(asked, testCase.exchanges[n].request));
  comparePauses(pauses, testCase.pauses_ms ?? []);
  compareKeys(testCase.calls.length);
}

async function playCalls(testCase, way, pauses) {
  let client;
  try {
    client = new kyros.KyrosClient(options(testCase));
  } catch (error) {
    compareError(error, testCase.calls[0].outcome.error);
    return;
  }
  client._api.transport.pause = async (ms) => void pauses.push(ms);
  for (const call of testCase.calls) {
    await playCall(client, call, way, testCase.exchanges);
  }
  client.close();
}

function options(testCase) {
  const given = { api_key: KEY, base_url: server.url, ...testCase.client };
  return {
    ...(given.api_key === null ? {} : { apiKey: given.api_key }),
    ...(given.base_url === null ? {} : { baseURL: given.base_url }),
    ...(given.timeout === undefined ? {} : { timeout: given.timeout * 1000 }),
    ...(given.mode === undefined ? {} : { mode: given.mode }),
    ...(given.max_retries === undefined ? {} : { maxRetries: given.max_retries }),
  };
}

async function playCall(client, call, way, exchanges) {
  const { outcome } = call;
  const items = [];
  const progress = [];
  let value;
  let error;
  try {
    const made = make(client, call, way, (task) => progress.push(task.progress.percentage));
    if (outcome.items || outcome.pages) {
      for await (const item of outcome.pages ? made.pages() : made) {
        items.push(item);
        if (items.length === call.take) break;
      }
    } else {
      value = await made;
      compareJSON(value, exchanges[server.asked.length - 1].answer);
    }
  } catch (thrown) {
    error = thrown;
  }
  if (outcome.error) {
    compareError(error, outcome.error);
  } else if (error) {
    throw error;
  }
  if (outcome.returns) compareValue(value, outcome.returns);
  if (outcome.list) compareAll(value, outcome.list);
  if (outcome.items) compareAll(items, outcome.items);
  if (outcome.pages) comparePages(items, outcome.pages);
  assert.deepEqual(progress, outcome.progress ?? []);
}

/** `JSON.stringify` gives what was on the wire. */
function compareJSON(value, answer) {
  const { metrics, ...beside } = (answer.body ?? JSON.parse(answer.text)).data;
  const { tasks = { ...beside, ...metrics } } = beside;
  assert.deepEqual(JSON.parse(JSON.stringify(value)), tasks);
}

function compareAll(values, expected) {
  assert.equal(values.length, expected.length);
  values.forEach((value, n) => compareValue(value, expected[n]));
}

function compareValue(value, expected) {
  for (const [path, wanted] of Object.entries(expected)) {
    const found = read(value, path);
    const digits = wanted?.decimal ?? wanted?.integer;
    if (digits !== undefined) {
      assert.equal(found, Number(digits), path);
    } else if (wanted === null) {
      assert.equal(found ?? null, null, path);
    } else {
      assert.deepEqual(found && JSON.parse(JSON.stringify(found)), wanted, path);
    }
  }
}

/** Reads what is there in both spellings, which are the same. */
function read(value, path) {
  return path.split('.').reduce((inner, name) => {
    if (name in inner && ![Object.prototype, Array.prototype].includes(Object.getPrototypeOf(inner))) {
      assert.equal(inner[camel(name)], inner[name], name);
    }
    return inner[name];
  }, value);
}

function comparePages(pages, expected) {
  const found = pages.map((page) => ({
    ids: [...page].map((item) => item.id),
    next_cursor: page.nextCursor,
    has_more: page.hasMore,
  }));
  assert.deepEqual(found, expected);
}

function compareError(error, expected) {
  assert(error, 'nothing was thrown');
  assert.equal(error.constructor, CLASSES[expected.class], String(error.stack));
  for (const name of ['status', 'code', 'request_id', 'retry_after', 'reason'].filter((one) => one in expected)) {
    assert.equal(error[camel(name)] ?? null, expected[name], name);
  }
  if (expected.fields) assert.deepEqual(error.fields, expected.fields);
  for (const words of expected.message_contains ?? []) assert(error.message.includes(words), error.message);
  for (const words of expected.message_lacks ?? []) assert(!error.message.includes(words), error.message);
}

function compareRequest(asked, expected) {
  assert.equal(`${asked.method} ${asked.path}`, `${expected.method} ${expected.path}`);
  assert.deepEqual(asked.query, expected.query ?? {});
  assert.deepEqual(asked.body, expected.body);
  const usual = {
    Accept: asked.path.endsWith('/stream') ? 'text/event-stream' : 'application/json',
    'Content-Type': 'body' in expected ? 'application/json' : null,
  };
  for (const [name, value] of Object.entries({ ...usual, ...expected.headers })) {
    assert.equal(asked.headers[name.toLowerCase()] ?? null, value, name);
  }
  assert.match(asked.headers['user-agent'], /^kyros-/);
  assert.match(asked.headers.authorization, /^Bearer kyros_test_/);
}

function comparePauses(pauses, expected) {
  assert.equal(pauses.length, expected.length, String(pauses));
  // What is left of a second is measured; a float is not exact.
  pauses.forEach((pause, n) => {
    assert(Math.floor(pause) <= expected[n][1] && Math.ceil(pause) >= expected[n][0], String(pauses));
  });
}

/** One key for all tries of a call, a call of its own each; only a POST has one. */
function compareKeys(calls) {
  const keys = server.asked.map((asked) => asked.headers['idempotency-key']);
  server.asked.forEach((asked, n) => assert.equal(keys[n] !== undefined, asked.method === 'POST'));
  keys.filter(Boolean).forEach((key) => assert.match(key, /^[!-~]{1,255}$/));
  if (server.asked[0]?.method === 'POST') {
    const groups = keys.filter((key, n) => key !== keys[n - 1]);
    assert.equal(new Set(groups).size, groups.length);
    assert.equal(groups.length, calls);
  }
}
