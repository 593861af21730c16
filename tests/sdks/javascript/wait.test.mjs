// What the shared cases can't say of `wait`: its end, its callback.
import assert from 'node:assert/strict';
import { kyros } from './package.mjs';
import { data } from './scripted-server.mjs';
import { WRONG, reasonOf, server, using } from './using.mjs';

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

using('the longest time-out is no short one', { timeout: 2 ** 31 - 1, maxRetries: 0 }, async (client) => {
  server.always = async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return data({ id: 'task_1', status: 'completed' });
  };
  assert.equal((await client.tasks.wait('task_1')).id, 'task_1');
});
