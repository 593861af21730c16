// What the shared cases can't say of connections: many calls at once, signals, streams, agents.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { kyros } from './package.mjs';
import { data } from './scripted-server.mjs';
import { EVENT, STREAM, clientOf, reasonOf, server, using } from './using.mjs';

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
