// One connection's work: a request out, an answer in. Over node:http and node:https, which are in
// every Node from 16 on, keep connections alive, and need nothing beside them.

import * as http from 'node:http';
import * as https from 'node:https';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { APIConnectionError, APITimeoutError, KyrosError } from './errors';

const CONNECTIONS = 100;
/** Shorter than what servers and proxies usually keep a connection for. */
const IDLE_MS = 4000;
/** A longer timer fires at once. */
export const LONGEST_MS = 2 ** 31 - 1;
/** How much longer a request may take that is under way at its deadline. */
const GRACE_MS = 1000;

/** When a caller stops waiting, and what he is told then. */
export interface Deadline {
  /** As `performance.now()` counts. */
  at: number;
  error: (cause?: KyrosError) => APITimeoutError;
}

export interface Outgoing {
  method: string;
  /** With its query, escaped already. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
  /** How long to connect and wait for the answer's head; then to wait for each part of its body. */
  timeoutMs: number;
  deadline: Deadline | undefined;
  signal: AbortSignal | undefined;
  /** Whether its answer lasts: no other call is to wait for its connection. */
  isStream: boolean;
}

export class Transport {
  /** Waits; a test puts its own here. */
  pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
    sleep(ms, undefined, { signal } as object).catch((error: unknown) => {
      throw signal?.aborted ? reason(signal) : error;
    });
  private readonly agent: http.Agent;
  /** As many connections as there are streams. */
  private readonly streamAgent: http.Agent;
  private readonly to: http.RequestOptions;
  private closed = false;

  constructor(
    private readonly url: URL,
    private readonly givenAgent: object | undefined,
  ) {
    const { Agent } = this.library;
    const given = givenAgent as http.Agent | undefined;
    this.agent =
      given ??
      new Agent({
        keepAlive: true,
        maxSockets: CONNECTIONS,
        maxFreeSockets: CONNECTIONS,
        scheduling: 'lifo',
        timeout: IDLE_MS,
      });
    this.streamAgent = given ?? new Agent();
    this.to = {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
    };
  }

  /** The answer, its body still to be read. Throws APIConnectionError, or why it was aborted. */
  async send(outgoing: Outgoing): Promise<http.IncomingMessage> {
    const { method, headers, body, signal } = outgoing;
    const path = this.url.pathname + outgoing.path;
    throwIfAborted(signal);
    if (this.closed) {
      throw refusal();
    }
    const agent = outgoing.isStream ? this.streamAgent : this.agent;
    const options = { ...this.to, agent, method, path, headers, signal };
    const request = this.library.request(options as object);
    let stop: (error: unknown) => void;
    const aborted = () => stop(reason(signal as AbortSignal));
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        stop = (error) => {
          request.destroy(error as Error);
          // A request without a connection would tell it only when it gets one.
          reject(error);
        };
        signal?.addEventListener('abort', aborted);
        // While all connections are in use, it is not the API that is late.
        timer = this.timer(stop, Number.POSITIVE_INFINITY, outgoing.deadline);
        request.on('socket', () => {
          clearTimeout(timer);
          // It may have waited for a connection meanwhile.
          if (this.closed) {
            stop(refusal());
            return;
          }
          timer = this.timer(stop, outgoing.timeoutMs, outgoing.deadline);
        });
        request.on('response', resolve);
        // Also what comes after the answer's head: it breaks the body off, and is told there.
        request.on('error', reject);
        request.end(body);
      });
    } catch (error) {
      throw this.broken(error, signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    }
  }

  /** The body as it comes. Leaving it early gives the connection up. */
  async *chunks(answer: http.IncomingMessage, outgoing: Outgoing): AsyncGenerator<Buffer, void> {
    const { timeoutMs, deadline, signal } = outgoing;
    const stop = (error: APITimeoutError) => answer.destroy(error);
    const body = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    try {
      while (true) {
        // No time passes while what came is being handled.
        const timer = this.timer(stop, timeoutMs, deadline);
        const next = await body.next().finally(() => clearTimeout(timer));
        if (next.done) {
          return;
        }
        yield next.value;
      }
    } catch (error) {
      throw this.broken(error, signal);
    } finally {
      if (!answer.readableEnded) {
        answer.destroy();
      }
    }
  }

  /** The whole body. */
  async read(answer: http.IncomingMessage, outgoing: Outgoing): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks(answer, outgoing)) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Closes its connections; a caller's own agent is the caller's to close. Nothing is sent any more. */
  close(): void {
    this.closed = true;
    if (!this.givenAgent) {
      this.agent.destroy();
      this.streamAgent.destroy();
    }
  }

  private get library(): typeof http | typeof https {
    return this.url.protocol === 'https:' ? https : http;
  }

  /** Stops what takes longer than that, or until after the deadline. */
  private timer(
    stop: (error: APITimeoutError) => void,
    ms: number,
    deadline: Deadline | undefined,
  ): NodeJS.Timeout {
    const end = deadline ? deadline.at + GRACE_MS : Number.POSITIVE_INFINITY;
    const left = end - performance.now();
    const error = deadline && left < ms ? deadline.error : () => this.late(ms);
    return setTimeout(() => stop(error()), Math.min(left, ms, LONGEST_MS));
  }

  private late(ms: number): APITimeoutError {
    return new APITimeoutError(`${this.url.origin} did not answer within ${ms / 1000} seconds.`, {
      code: 'timeout',
    });
  }

  private broken(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) {
      return reason(signal);
    }
    if (error instanceof KyrosError) {
      return error;
    }
    const { message, code } = error as NodeJS.ErrnoException;
    return new APIConnectionError(
      `No whole answer came from ${this.url.origin}: ${message || code || String(error)}.`,
      { code: 'connection_failed', cause: error },
    );
  }
}

function refusal(): KyrosError {
  return new KyrosError('The client is closed: make another.', { code: 'closed' });
}

/** Throws why the caller gave up, when he did. */
function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw reason(signal);
  }
}

/** Why the caller gave up, as fetch tells it. */
function reason(signal: AbortSignal): unknown {
  // Node 16.0 has no reason.
  const given: unknown = (signal as { reason?: unknown }).reason;
  return given ?? Object.assign(new Error('The call was aborted.'), { name: 'AbortError' });
}
