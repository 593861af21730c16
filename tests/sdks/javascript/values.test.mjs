// What the shared cases can't say of values: dates, free-form data, objects, secrets.
import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import { kyros } from './package.mjs';
import { data } from './scripted-server.mjs';
import { reasonOf, server, using } from './using.mjs';

const { AgentContext, Task } = kyros;

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
