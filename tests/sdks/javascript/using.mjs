// What the tests of a client share: a scripted server, and clients of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { kyros } from './package.mjs';
import { KEY, ScriptedServer, environment } from './scripted-server.mjs';

export const STREAM = { status: 200, headers: { 'Content-Type': 'text/event-stream' } };
export const EVENT = 'id: 1\nevent: task.started\ndata: {"seq": 1, "type": "task.started"}\n\n';
export const WRONG = { success: false, error: 'No.', code: 'some', request_id: 'req_1', details: [] };

environment({});
export const server = await ScriptedServer.started();

export function clientOf(options) {
  return new kyros.KyrosClient({ apiKey: KEY, baseURL: server.url, ...options });
}

/** A test with a client, after which nothing is left. */
export function using(name, options, does) {
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

export async function reasonOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}
