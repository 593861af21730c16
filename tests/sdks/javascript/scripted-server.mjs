// A server on loopback that answers as a case scripts it, and remembers what it was asked.
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

export const KEY = 'kyros_test_key';

export class ScriptedServer extends EventEmitter {
  asked = [];
  script = [];
  /** How many connections were made. */
  connections = 0;

  static async started() {
    const server = new ScriptedServer();
    server.http = http.createServer((request, response) => server.#take(request, response));
    server.http.on('connection', () => (server.connections += 1));
    server.http.listen(0, '127.0.0.1');
    // Nothing of it keeps the tests running.
    server.http.unref();
    await once(server.http, 'listening');
    server.url = `http://127.0.0.1:${server.http.address().port}`;
    return server;
  }

  /** Gives these in order (their form: tests/vectors/README.md), then what `always` gives. */
  answers(...script) {
    this.asked = [];
    this.script = script;
    this.connections = 0;
    this.always = () => ({ status: 599, text: 'no more' });
  }

  async #take(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { pathname, searchParams } = new URL(request.url, this.url);
    const text = Buffer.concat(pieces).toString();
    const asked = {
      method: request.method,
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: request.headers,
      body: text ? JSON.parse(text) : undefined,
    };
    this.asked.push(asked);
    this.emit('asked', asked, response);
    await this.#answer(this.script.shift() ?? (await this.always(asked)), request, response);
  }

  async #answer(answer, request, response) {
    if (answer.close) {
      request.socket.destroy();
    } else if (answer.hang) {
      request.socket.once('close', () => this.emit('left'));
      this.emit('hanging');
    } else {
      const body = 'body' in answer ? JSON.stringify(answer.body) : answer.text;
      const type = 'body' in answer ? { 'Content-Type': 'application/json' } : {};
      const length = body === undefined || answer.status === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) };
      response.writeHead(answer.status, { ...type, ...length, ...answer.headers });
      for (const piece of answer.chunks ?? [body ?? '']) {
        await new Promise((written) => response.write(piece, written));
      }
      if (answer.then === 'close') {
        response.socket.destroySoon();
      } else if (answer.then !== 'hang') {
        response.end();
      }
    }
  }
}

export const data = (value, status = 200) => ({ status, body: { success: true, data: value } });

/** An address where nothing listens. */
export async function nobody() {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const url = `http://127.0.0.1:${taken.address().port}`;
  taken.close();
  await once(taken, 'close');
  return url;
}

/** Sets these `KYROS_…` variables and no others. */
export function environment(variables) {
  for (const name of Object.keys(process.env).filter((each) => each.startsWith('KYROS_'))) {
    delete process.env[name];
  }
  Object.assign(process.env, variables);
}
