// What a program does with the SDK; tests/acceptance/ runs it on a real stack.
import assert from 'node:assert/strict';
import { ConflictError, KyrosClient, NotFoundError, PermissionDeniedError } from '@kyros/sdk';

const client = new KyrosClient();
const two = [{ title: 'a' }, { title: 'b', type: 'review' }];
const [first, second] = await client.tasks.createBatch(two);
const percentages = [];
const onProgress = (task) => percentages.push(task.progress.percentage);
const done = await client.tasks.wait(first.id, { onProgress, timeout: 60_000 });
assert.deepEqual([done.status, percentages.at(-1)], ['completed', 100]);
assert.deepEqual(percentages, [...percentages].sort((one, other) => one - other));
async function all(items) {
  const seqs = [];
  for await (const { seq } of items) seqs.push(seq);
  return seqs;
}
const streamed = await all(client.tasks.stream(first.id));
assert.deepEqual(await all(client.tasks.timeline(first.id, { limit: 3 })), streamed);
assert.deepEqual(await all(client.tasks.stream(first.id, { lastEventId: 3 })), streamed.slice(3));
assert.equal((await client.tasks.wait(second.id)).result.decision, 'approve');
await assert.rejects(client.tasks.cancel(first.id), ConflictError);

const metadata = { sandbox: { delay_seconds: 30 }, camelCase: 1 };
const slow = await client.tasks.create({ title: 'a', filesToModify: ['b'], metadata });
assert.deepEqual([slow.files_to_modify, slow.metadata], [['b'], metadata]);
const escalation = await client.escalations.submit({ taskId: slow.id, reason: 'It is hard.' });
assert.equal((await client.escalations.reject(escalation.id, { comment: 'No.' })).comment, 'No.');
assert.equal((await client.tasks.cancel(slow.id)).state, 'cancelled');
assert.equal((await client.tasks.retry(slow.id)).state, 'queued');
assert((await client.tasks.cancel(slow.id)).cancelled);

const hook = await client.webhooks.create({ url: 'http://127.0.0.1:9/', events: ['task.*'] });
assert.match(hook.secret, /^whsec_/);
const delivery = await client.webhooks.test(hook.id);
async function tried() {
  const { value: sent } = await client.webhooks.listDeliveries(hook.id).pages().next();
  assert.equal(sent.items.at(-1).id, delivery.id);
  return sent.items.at(-1).status === 'retrying';
}
// What is being sent this moment is not sent again.
const end = Date.now() + 30_000;
while (!(await tried())) {
  assert(Date.now() < end, 'it was not tried');
  await new Promise((resolve) => setTimeout(resolve, 100));
}
assert((await client.webhooks.replay(hook.id, { since: new Date(0) })).deliveries >= 1);
assert.equal((await client.webhooks.update(hook.id, { enabled: false })).enabled, false);
await client.webhooks.delete(hook.id);
await assert.rejects(client.webhooks.get(hook.id), NotFoundError);

const key = await client.apiKeys.create({ name: 'reads', permissions: ['tasks:read'] });
const reader = new KyrosClient({ apiKey: key.key });
await reader.tasks.list({ limit: 1 }).pages().next();
await assert.rejects(reader.tasks.create({ title: 'a' }), PermissionDeniedError);
assert((await client.apiKeys.revoke(key.id)).revokedAt);
