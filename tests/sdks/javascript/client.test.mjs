// What the shared cases can't say: many calls at once, signals, connections, objects, types of errors.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { inspect } from 'node:util';
import { kyros } from './package.mjs';
import { KEY, ScriptedServer, data, environment } from './scripted-server.mjs';

const { AgentContext, KyrosClient, Task } = kyros;
const STREAM = { status: 200, headers: { 'Content-Type': 'text/event-stream' } };
const EVENT = 'id: 1\nevent: task.started\ndata: {"seq": 1, "type": "task.started"}\n\n';
const WRONG = { success: false, error: 'No.', code: 'some', request_id: 'req_1', details: [] };

environment({});
const server = await ScriptedServer.started();

function clientOf(options) {
  return new KyrosClient({ apiKey: KEY, baseURL: server.url, ...options });
}

/** A test with a client, after which nothing is left. */
function using(name, options, does) {
  test(name, async () => {
    server.answers();
    const client = clientOf(options);
    try {
      await does(client);
    } finally {
      // What is still open would keep the tests from ending.
      client.close();
    }
  });
}

async function reasonOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

using('many calls at once share a client', {}, async (client) => {
  server.always = (asked) => data({ id: asked.body.title, status: 'pending' }, 201);
  const titles = Array.from({ length: 300 }, (_, n) => `task ${n}`);
  const tasks = await Promise.all(titles.map((title) => client.tasks.create({ title })));
  assert.deepEqual(tasks.map((task) => task.id), titles);
  assert.equal(new Set(server.asked.map((one) => one.headers['idempotency-key'])).size, 300);
  assert(server.connections <= 100, String(server.connections));
});

using('calls one after the other share a connection', {}, async (client) => {
  server.always = () => data({ id: 'task_1' });
  for (let n = 0; n < 5; n += 1) await client.tasks.get('task_1');
  assert.equal(server.connections, 1);
});

using('an aborted call ends at once, with the reason, and gives its connection up', { maxRetries: 0 }, async (client) => {
  server.answers({ hang: true });
  const controller = new AbortController();
  const left = once(server, 'left');
  const call = client.tasks.get('task_1', { signal: controller.signal });
  await once(server, 'hanging');
  controller.abort();
  assert.equal((await reasonOf(call)).name, 'AbortError');
  await left;
  assert.equal(server.asked.length, 1);
  assert.equal((await reasonOf(client.tasks.get('task_1', { signal: controller.signal }))).name, 'AbortError');
  assert.equal(server.asked.length, 1);
});

using('an aborted pause tries no more', {}, async (client) => {
  server.answers({ status: 503, headers: { 'Retry-After': '60' }, text: '' });
  const controller = new AbortController();
  const { transport } = client._api;
  const { pause } = transport;
  transport.pause = (ms, signal) => {
    const paused = pause(ms, signal);
    controller.abort();
    return paused;
  };
  const begun = Date.now();
  const error = await reasonOf(client.tasks.get('task_1', { signal: controller.signal }));
  assert.equal(error.name, 'AbortError');
  assert(Date.now() < begun + 30_000, 'it paused on');
  assert.equal(server.asked.length, 1);
});

/** A client with one connection, and what frees it from the call that holds it. */
async function busy(does) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const client = clientOf({ agent, timeout: 1000, maxRetries: 0 });
  let free;
  server.answers();
  server.always = () => new Promise((resolve) => (free = () => resolve(data({ id: 'task_1', status: 'completed' }))));
  const asked = once(server, 'asked');
  const holds = client.tasks.wait('task_1');
  await asked;
  server.always = () => data({ id: 'task_2' });
  try {
    await does(client, free);
    free();
    await holds;
  } finally {
    agent.destroy();
  }
}

test('while all connections are in use, the API is not late', () => busy(async (client, free) => {
  const waits = client.tasks.get('task_2');
  // Longer than the client's timeout.
  setTimeout(free, 2000);
  assert.equal((await waits).id, 'task_2');
}));

test('what waits for a connection can be given up', () => busy(async (client) => {
  const controller = new AbortController();
  const aborted = client.tasks.get('task_2', { signal: controller.signal });
  const late = client.tasks.wait('task_2', { timeout: 0 });
  controller.abort();
  assert.equal((await reasonOf(aborted)).name, 'AbortError');
  assert.equal((await reasonOf(late)).code, 'wait_timeout');
  assert.equal(server.asked.length, 1);
}));

using('a closed client sends nothing more', { maxRetries: 4 }, async (client) => {
  server.always = () => ({ hang: true });
  const hanging = once(server, 'hanging');
  const broken = client.tasks.get('task_1');
  await hanging;
  client.close();
  assert.equal((await reasonOf(broken)).constructor, kyros.APIConnectionError);
  const refused = await reasonOf(client.tasks.get('task_1'));
  assert.deepEqual([refused.constructor, refused.code], [kyros.KyrosError, 'closed']);
  assert.equal((await reasonOf(client.tasks.stream('task_1').next())).code, 'closed');
  assert.equal(server.asked.length, 1);
});

test('a call that waits for a connection is not sent by a client that is closed', () => busy(async (client, free) => {
  const waits = client.tasks.get('task_2');
  client.close();
  free();
  assert.equal((await reasonOf(waits)).code, 'closed');
  assert.equal(server.asked.length, 1);
}));

test("closing a client leaves the caller's agent open", async () => {
  const agent = new http.Agent({ keepAlive: true });
  server.answers();
  server.always = () => data({ id: 'task_1' });
  try {
    for (let n = 0; n < 2; n += 1) {
      const client = clientOf({ agent });
      await client.tasks.get('task_1');
      client.close();
    }
    assert.equal(server.connections, 1);
  } finally {
    agent.destroy();
  }
});

using('an aborted stream and an aborted wait end', {}, async (client) => {
  server.answers({ ...STREAM, chunks: [EVENT], then: 'close' }, data({ id: 'a', status: 'pending' }));
  const controller = new AbortController();
  const events = client.tasks.stream('task_1', { signal: controller.signal });
  assert.equal((await events.next()).value.seq, 1);
  controller.abort();
  assert.equal((await reasonOf(events.next())).name, 'AbortError');
  const another = new AbortController();
  const onProgress = () => another.abort();
  const wait = client.tasks.wait('task_1', { signal: another.signal, onProgress });
  assert.equal((await reasonOf(wait)).name, 'AbortError');
});

for (const then of ['hang', undefined]) {
  const name = `a stream that is left gives its connection up, ${then ? 'live' : 'at its end'}`;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  using(name, { agent, timeout: 5000, maxRetries: 0 }, async (client) => {
    server.answers({ ...STREAM, chunks: [EVENT, EVENT, EVENT], then }, data({ id: 'task_1' }));
    for await (const event of client.tasks.stream('task_1')) {
      assert.equal(event.type, 'task.started');
      await new Promise((resolve) => setTimeout(resolve, 50));
      break;
    }
    assert.equal((await client.tasks.get('task_1')).id, 'task_1');
  });
}

using('streams keep no other call waiting', { timeout: 5000, maxRetries: 0 }, async (client) => {
  server.always = (asked) => (asked.path.endsWith('/stream') ? { ...STREAM, chunks: [EVENT], then: 'hang' } : data({ id: 'task_1' }));
  const inTime = () => ({ signal: AbortSignal.timeout(20_000) });
  const streams = Array.from({ length: 101 }, () => client.tasks.stream('task_1', inTime()));
  await Promise.all(streams.map((stream) => stream.next()));
  assert.equal((await client.tasks.get('task_1', inTime())).id, 'task_1');
  await Promise.all(streams.map((stream) => stream.return()));
});

using('no time passes for a stream while its reader is busy', { timeout: 100 }, async (client) => {
  client._api.timeoutMs = -18_500;
  server.answers({ ...STREAM, chunks: [EVENT, 'event: end\ndata: {}\n\n'] });
  const seen = [];
  for await (const event of client.tasks.stream('task_1')) {
    seen.push(event.seq);
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  assert.deepEqual(seen, [1]);
  assert.equal(server.asked.length, 1);
});

using('a body that stops is a time-out', { timeout: 300, maxRetries: 0 }, async (client) => {
  server.always = () => ({ status: 200, headers: { 'Content-Length': '100' }, chunks: ['{'], then: 'hang' });
  const error = await reasonOf(client.tasks.get('task_1'));
  assert.equal(error.constructor, kyros.APITimeoutError);
  assert.equal(error.code, 'timeout');
});

test('a quiet stream that was cut after a while uses up no tries, one that fell silent does', async (t) => {
  for (const [silent, asked] of [[false, 5], [true, 2]]) {
    let heartbeats = 0;
    t.mock.method(performance, 'now', () => (heartbeats += 10_000));
    const comment = { ...STREAM, chunks: [': here it comes\n\n'], then: silent ? 'hang' : 'close' };
    server.answers(...Array(4).fill(comment), { ...STREAM, chunks: [EVENT, 'event: end\ndata: {}\n\n'] });
    const client = clientOf({ maxRetries: 1 });
    client._api.timeoutMs = silent ? -19_500 : 5000;
    client._api.transport.pause = async () => {};
    const seen = [];
    const read = async () => {
      for await (const event of client.tasks.stream('task_1')) seen.push(event.seq);
    };
    if (silent) {
      assert.equal((await reasonOf(read())).constructor, kyros.APITimeoutError);
    } else {
      await read();
    }
    client.close();
    t.mock.restoreAll();
    assert.deepEqual(seen, silent ? [] : [1]);
    assert.equal(server.asked.length, asked);
  }
});

using('a list can be read again', {}, async (client) => {
  server.always = () => data({ tasks: [{ id: 'task_1' }], has_more: false });
  const tasks = client.tasks.list();
  for (let n = 0; n < 2; n += 1) {
    const ids = [];
    for await (const task of tasks) ids.push(task.id);
    assert.deepEqual(ids, ['task_1']);
  }
  const { value: page } = await tasks.pages().next();
  assert.equal(page.length, 1);
});

using('wait gives up when told', {}, async (client) => {
  server.always = () => data({ id: 'task_1', status: 'in_progress' });
  const error = await reasonOf(client.tasks.wait('task_1', { timeout: 500 }));
  assert.match(error.message, /^task_1 is still in_progress after 0\.5 seconds/);
  assert.equal(error.code, 'wait_timeout');
  assert.deepEqual(server.asked.map((one) => one.query), server.asked.map(() => ({})));
});

for (const maxRetries of [0, 4]) {
  using(`wait gives up an API that only hangs, with ${maxRetries} retries`, { maxRetries }, async (client) => {
    server.always = () => ({ hang: true });
    const error = await reasonOf(client.tasks.wait('task_1', { timeout: 100 }));
    assert.equal(error.constructor, kyros.APITimeoutError);
    assert.equal(error.code, 'wait_timeout');
    assert.match(error.message, /^task_1 is not known to be final after 0\.1 seconds/);
    assert.equal(server.asked.length, 1);
  });
}

using('wait gives up an API whose answer never ends', {}, async (client) => {
  let writes;
  server.always = () => ({ status: 200, headers: { 'Content-Length': '100000' }, chunks: ['{'], then: 'hang' });
  server.once('asked', (_, response) => {
    writes = setInterval(() => response.write(' '), 50);
    response.once('close', () => clearInterval(writes));
  });
  assert.equal((await reasonOf(client.tasks.wait('task_1', { timeout: 100 }))).code, 'wait_timeout');
});

using('wait does not pause beyond its end', {}, async (client) => {
  server.always = () => ({ status: 503, headers: { 'Retry-After': '60' }, body: WRONG });
  const error = await reasonOf(client.tasks.wait('task_1', { timeout: 5000 }));
  assert.equal(error.code, 'wait_timeout');
  assert.equal(error.reason, 'task_1 was not answered in time. The last try: No.');
  assert.equal(error.cause.constructor, kyros.ServerError);
  assert.equal(server.asked.length, 1);
});

using('wait awaits its callback, and throws what that throws', {}, async (client) => {
  server.always = () => data({ id: 'task_1', status: 'completed' });
  const heard = [];
  await client.tasks.wait('task_1', {
    async onProgress(task) {
      await null;
      heard.push(task.status);
    },
  });
  assert.deepEqual(heard, ['completed']);
  const mine = new Error('mine');
  const thrown = client.tasks.wait('task_1', { onProgress: () => Promise.reject(mine) });
  assert.equal(await reasonOf(thrown), mine);
});

test("without an address it is this machine's own stack", () => {
  assert.equal(new KyrosClient({ apiKey: KEY })._api.transport.url.href, 'http://127.0.0.1:8000/v1');
});

test('an address of IPv6', () => {
  const client = new KyrosClient({ apiKey: KEY, baseURL: 'http://[::1]:8000' });
  assert.equal(client._api.transport.to.hostname, '::1');
});

test('what is no number of tries or milliseconds is refused', () => {
  for (const timeout of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '10', null]) {
    assert.throws(() => clientOf({ timeout }), /^TypeError: timeout must be/, String(timeout));
  }
  for (const maxRetries of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
    assert.throws(() => clientOf({ maxRetries }), /^TypeError: maxRetries must be/, String(maxRetries));
  }
});

using('the longest time-out is no short one', { timeout: 2 ** 31 - 1, maxRetries: 0 }, async (client) => {
  server.always = async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return data({ id: 'task_1', status: 'completed' });
  };
  assert.equal((await client.tasks.wait('task_1')).id, 'task_1');
});

using('what is misspelt is refused, not lost', {}, async (client) => {
  assert.throws(() => clientOf({ baseUrl: '' }), /There is no option baseUrl; there are apiKey, baseURL/);
  const calls = [
    () => client.tasks.create({ title: 'a' }, { idempotency_key: 'b' }),
    () => client.tasks.wait('task_1', { onprogress() {} }),
    () => client.tasks.wait('task_1', { timeout: Number.NaN }),
    () => client.tasks.wait('task_1', { timeout: -1 }),
    () => client.tasks.stream('task_1', { last_event_id: 1 }).next(),
    () => client.tasks.stream('task_1', { lastEventId: '1\n2' }).next(),
    () => client.tasks.stream('task_1', { lastEventId: -1 }).next(),
    () => client.tasks.list({}, { limit: 1 }),
    () => client.tasks.create({ title: 'a', assignee_role: 'critic', assigneeRole: 'critic' }),
    () => client.tasks.create('a'),
    () => client.tasks.create({ title: 'a' }, { idempotencyKey: '' }),
    () => client.tasks.create({ title: 'a' }, { idempotencyKey: 'ü' }),
    () => client.tasks.create({ title: 'a' }, { idempotencyKey: 'a\nb' }),
    () => client.agents.submit('critic', 'task_1', 'a'),
  ];
  for (const call of calls) {
    assert.equal((await reasonOf((async () => call())())).constructor, TypeError, String(call));
  }
  assert.equal(server.asked.length, 0);
});

using('dates are sent', {}, async (client) => {
  server.always = () => data({ id: 'key_1', tasks: [], has_more: false });
  const moment = new Date('2027-01-02T00:00:00Z');
  await client.apiKeys.update('key_1', { expiresAt: moment, dayBudgetUsd: null, rateLimit: 3 });
  await client.webhooks.replay('whk_1', { since: moment });
  await client.tasks.create({ title: 'a', metadata: { at: moment } });
  await client.tasks.list({ createdAfter: moment }).pages().next();
  const at = '2027-01-02T00:00:00.000Z';
  assert.deepEqual(server.asked.map((one) => one.body ?? one.query), [
    { expires_at: at, rate_limit: 3 },
    { since: at },
    { title: 'a', metadata: { at } },
    { created_after: at },
  ]);
});

using('what JSON cannot say is refused before anything is sent', {}, async (client) => {
  const circle = {};
  circle.of = circle;
  const never = new Date('never');
  const lost = [new Map([['a', 1]]), new Set([1]), { inside: [new Map()] }, [undefined], [() => 1], [Symbol('a')], () => 1];
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 10n, circle, never, { inside: [never] }, ...lost]) {
    const call = client.tasks.create({ title: 'a', metadata: { wrong } });
    assert.equal((await reasonOf(call)).constructor, TypeError);
  }
  for (const call of [
    client.webhooks.replay('whk_1', { since: never }),
    client.apiKeys.create({ name: 'a', permissions: [], expires_at: never }),
    client.tasks.list({ createdAfter: never }).pages().next(),
  ]) {
    assert.match(String(await reasonOf(call)), /^TypeError: \w+ is an invalid Date/);
  }
  for (const call of [
    () => client.tasks.create(new Map([['title', 'a']])),
    () => client.tasks.create({ title: 'a', context: new Map([['files', {}]]) }),
    () => client.agents.submit('critic', 'task_1', new Map([['files', {}]])),
  ]) {
    assert.match(String(await reasonOf(call())), /^TypeError: .*\[object Map\]/);
  }
  assert.equal(server.asked.length, 0);
  // What JSON leaves out of an object is no damage.
  server.answers(data({ id: 'task_1' }, 201));
  await client.tasks.create({ title: 'a', metadata: { is: null, isNot: undefined } });
  assert.deepEqual(server.asked[0].body.metadata, { is: null });
});

using('free-form data goes and comes as it is spelled', {}, async (client) => {
  const metadata = { camelCase: { innerCase: 1 }, snake_case: [{ a_b: 1 }], __proto__x: 1 };
  server.always = (asked) => data({ id: 'task_1', ...asked.body });
  const task = await client.tasks.create({
    title: 'a',
    metadata,
    context: { repositoryState: 'main', myField: { ofMine: 1 } },
  });
  assert.deepEqual(server.asked[0].body.context, { myField: { ofMine: 1 }, repository_state: 'main' });
  assert.deepEqual(task.metadata, metadata);
  assert.equal(task.metadata.snakeCase, undefined);
});

test('objects are what they hold', () => {
  const task = new Task({ title: 'Fix it', assigneeRole: 'critic', files_to_modify: ['a'], newer: 1 });
  assert.equal(JSON.stringify(task), '{"title":"Fix it","assignee_role":"critic","files_to_modify":["a"],"newer":1}');
  assert.deepEqual(Object.keys(task), ['title', 'assignee_role', 'files_to_modify', 'newer']);
  assert.deepEqual([task.assigneeRole, task.assignee_role, task.filesToModify], ['critic', 'critic', ['a']]);
  assert.equal(task.status, undefined);
  task.assigneeRole = 'implementer';
  assert.equal(task.assignee_role, 'implementer');
  assert.deepEqual({ ...task, title: 'b' }, { title: 'b', assignee_role: 'implementer', files_to_modify: ['a'], newer: 1 });
  assert.match(inspect(task), /^Task \{/);
  const context = new AgentContext({ repositoryState: 'main', myField: 1 });
  assert.equal(JSON.stringify(context), '{"repository_state":"main","myField":1}');
  assert.equal(context.repositoryState, 'main');
});

using('names that JavaScript knows are data like the others', {}, async (client) => {
  const text = '{"success":true,"data":{"id":"task_1","to_string":1,"__proto__":{"polluted":1},"constructor":2}}';
  server.answers({ status: 200, text });
  const task = await client.tasks.get('task_1');
  assert.equal(JSON.stringify(task), text.slice(23, -1));
  assert.equal(String(task), '[object Object]');
  assert.equal(task.polluted, undefined);
  assert.equal({}.polluted, undefined);
});

using('integers beyond 2^53 are the nearest number', {}, async (client) => {
  server.answers({ status: 200, text: '{"success":true,"data":{"metadata":{"n":9007199254740993,"d":0.10}}}' });
  const { metadata } = await client.tasks.get('task_1');
  assert.deepEqual(metadata, { n: 9007199254740992, d: 0.1 });
});

using('names of roles and models are data, in one spelling', {}, async (client) => {
  server.answers(data({ by_role: { my_role: { cost: 0.5, input_tokens: 3 } }, savings: null }));
  const costs = await client.monitoring.getCosts();
  assert.deepEqual(Object.keys(costs.byRole), ['my_role']);
  assert.equal(costs.byRole.my_role.inputTokens, 3);
  assert.equal(costs.byRole.myRole, undefined);
});

using('what is in a list of components reads in both spellings, too', {}, async (client) => {
  const components = { models: { status: 'degraded', left_alone: [{ model: 'a:b', error_kind: 'timeout' }] } };
  const answer = { components, maintenance: { enabled: true, message: null }, version: '1' };
  server.answers(data(answer));
  const health = await client.monitoring.getHealth();
  assert.equal(health.components.models.leftAlone[0].errorKind, 'timeout');
  assert.equal(health.maintenance.enabled, true);
  assert.equal(JSON.stringify(health), JSON.stringify(answer));
});

using('errors say what to do', { maxRetries: 0 }, async (client) => {
  const details = [{ field: 'title', message: 'is missing' }];
  server.answers({ status: 401, body: WRONG }, { status: 422, body: { ...WRONG, details } }, { close: true });
  const refused = await reasonOf(client.tasks.get('task_1'));
  assert.equal(refused.message, 'No. Check the API key (apiKey, or KYROS_API_KEY). [HTTP 401, some, req_1]');
  assert.equal(String(refused), `AuthenticationError: ${refused.message}`);
  assert.match(refused.stack, /^AuthenticationError: No\. Check/);
  const invalid = await reasonOf(client.tasks.get('task_1'));
  assert.equal(invalid.message, 'No. [HTTP 422, some, req_1]\n  title: is missing');
  assert(invalid instanceof kyros.KyrosError && invalid instanceof Error);
  const broken = await reasonOf(client.tasks.get('task_1'));
  assert.equal(broken.cause.code, 'ECONNRESET');
});

using('nothing that is printed shows the key', { maxRetries: 0 }, async (client) => {
  server.answers({ status: 500, text: '' });
  const error = await reasonOf(client.tasks.get('task_1'));
  const printed = inspect([client, client.tasks.list(), error], { depth: 20 });
  assert(!printed.includes(KEY), printed);
});

using('secrets are not printed, but are there', {}, async (client) => {
  const hook = { id: 'whk_1', secret: 'whsec_SECRET', standard_secret: 'whsec_SECRET', events: ['task.*'] };
  const key = { id: 'key_1', key: 'kyros_live_SECRET', permissions: ['admin'] };
  server.answers(data(hook), data(key), data({ ...key, key: null }));
  const made = await client.webhooks.create({ url: 'http://a.test', events: ['task.*'] });
  const maker = await client.apiKeys.create({ name: 'a', permissions: ['admin'] });
  const replayed = await client.apiKeys.rotate('key_1');
  const printed = inspect({ all: [made, maker, replayed] }, { depth: 20, getters: true, showHidden: true });
  assert(!printed.includes('SECRET'), printed);
  assert.equal(inspect(maker), "ApiKey { id: 'key_1', key: 'hidden', permissions: [ 'admin' ] }");
  assert.match(inspect(replayed), /key: null/);
  assert.equal(inspect([[[maker]]]), '[ [ [ [ApiKey] ] ] ]');
  assert.equal(JSON.stringify([made, maker]), JSON.stringify([hook, key]));
  assert.deepEqual([made.secret, made.standardSecret, maker.key], [hook.secret, hook.secret, key.key]);
});

test('what is logged shows every try, and not the key', async () => {
  server.answers();
  const statuses = [503, 200];
  server.always = () => ({ ...data({ id: 'a' }, statuses.shift()), headers: { 'Retry-After': '0' } });
  const code = `
    const { KyrosClient } = require('@kyros/sdk');
    new KyrosClient({ apiKey: '${KEY}', baseURL: '${server.url}' }).tasks.get('task_1')`;
  const env = { ...process.env, NODE_DEBUG: 'kyros' };
  const program = spawn(process.execPath, ['-e', code], { env });
  let said = '';
  program.stderr.on('data', (piece) => (said += piece));
  // It ends although its connection is kept: nothing has to be closed.
  const [status] = await once(program, 'close');
  assert.equal(status, 0, said);
  assert.match(said, /GET \/tasks\/task_1: 503 in/);
  assert.match(said, /trying again in/);
  assert(!said.includes(KEY));
});

test('import and require give the same', () => {
  const code = `
    import * as imported from '@kyros/sdk';
    import { KyrosClient, Task, AgentContext, KyrosError } from '@kyros/sdk';
    import { createRequire } from 'node:module';
    const required = createRequire(process.cwd() + '/')('@kyros/sdk');
    const names = Object.keys(required);
    const differ = names.filter((name) => imported[name] !== required[name]);
    const there = [KyrosClient, Task, AgentContext, KyrosError].every(Boolean);
    console.log(JSON.stringify([names.length, differ, there]));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code]);
  assert.deepEqual(JSON.parse(said), [17, [], true]);
});

test('the version is that of the package', () => {
  const code = "const {VERSION} = require('@kyros/sdk'); console.log(VERSION === require('@kyros/sdk/package.json').version)";
  assert.equal(String(execFileSync(process.execPath, ['-e', code])), 'true\n');
});
