// What the shared cases can't say of a client: its options, its errors, its log, the package.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { inspect } from 'node:util';
import { kyros } from './package.mjs';
import { KEY, data } from './scripted-server.mjs';
import { WRONG, clientOf, reasonOf, server, using } from './using.mjs';

const { KyrosClient } = kyros;

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
