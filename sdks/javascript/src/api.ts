// One request to the API: sent, tried again where that helps, its answer read.
//
// Every method throws a KyrosError: its own class for what the caller can do about it.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { debuglog } from 'node:util';
import { KyrosError } from './errors';
import { body, rfc3339 } from './json';
import { Answer, checked, refused, unreadable } from './refusal';
import * as retry from './retry';
import { Message, Reader } from './server-sent-events';
import { Deadline, Outgoing, Transport } from './transport';
import { VERSION } from './version';

const log = debuglog('kyros');

/** A quiet stream carries a comment every ten seconds. */
const STREAM_MS = 20_000;
const JSON_TYPE = 'application/json';
const EVENT_STREAM = 'text/event-stream';

/** What is asked: the path is that after `/v1`, its variable parts escaped already. */
export interface Call {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  /** Undefined: no body. */
  body?: object;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds that the API may take beyond the client's timeout. */
  waitsMs?: number;
  /** Nothing is tried again after it. */
  deadline?: Deadline | undefined;
}

/** One API and one key, over one transport. */
export class Api {
  private readonly headers: Record<string, string>;

  constructor(
    readonly transport: Transport,
    private readonly origin: string,
    key: string,
    private readonly timeoutMs: number,
    private readonly maxRetries: number,
    mode: string | undefined,
  ) {
    this.headers = {
      Authorization: `Bearer ${key}`,
      Accept: JSON_TYPE,
      'User-Agent': `kyros-javascript/${VERSION}`,
      ...(mode && { 'X-Kyros-Mode': mode }),
    };
  }

  /** What `reads` makes of the answer's `data`. */
  async call<T>(call: Call, reads: (data: unknown) => T): Promise<T> {
    const outgoing = this.outgoing(call);
    for (let tries = 0; ; tries += 1) {
      try {
        return checked(await this.answered(await this.send(outgoing), outgoing), reads);
      } catch (error) {
        await this.pause(error, tries, call.signal, call.deadline);
      }
    }
  }

  /**
   * The events of a stream, as long as its connection lasts; nothing is tried again. Undefined
   * comes first: the answer has begun.
   */
  async *messages(
    path: string,
    lastEventId: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Message | undefined, void> {
    const outgoing = this.outgoing({ method: 'GET', path, signal, waitsMs: STREAM_MS });
    outgoing.isStream = true;
    outgoing.headers.Accept = EVENT_STREAM;
    if (lastEventId !== undefined) {
      outgoing.headers['Last-Event-ID'] = lastEventId;
    }
    const incoming = await this.send(outgoing);
    const isStream = incoming.headers['content-type']?.startsWith(EVENT_STREAM);
    if (incoming.statusCode !== 200 || !isStream) {
      throw refused(await this.answered(incoming, outgoing));
    }
    yield undefined;
    const reader = new Reader();
    for await (const chunk of this.transport.chunks(incoming, outgoing)) {
      yield* this.told(reader.feed(chunk), incoming);
    }
  }

  /** Waits before the next try after `tries` earlier ones, or throws the error. */
  async pause(
    error: unknown,
    tries: number,
    signal: AbortSignal | undefined,
    deadline?: Deadline,
  ): Promise<void> {
    if (!(error instanceof KyrosError) || this.transport.isClosed) {
      throw error;
    }
    const seconds = retry.pause(error, tries, this.maxRetries, Math.random());
    if (seconds === undefined) {
      throw error;
    }
    if (deadline && performance.now() + seconds * 1000 > deadline.at) {
      throw deadline.error(error);
    }
    log('trying again in %s s: %s', seconds.toFixed(2), error);
    await this.transport.pause(seconds * 1000, signal);
  }

  private *told(
    messages: Generator<Message>,
    incoming: IncomingMessage,
  ): Generator<Message> {
    try {
      yield* messages;
    } catch (error) {
      throw unreadable(this.answer(incoming, Buffer.of()), error);
    }
  }

  private async send(outgoing: Outgoing): Promise<IncomingMessage> {
    const begun = performance.now();
    const incoming = await this.transport.send(outgoing);
    log(
      '%s %s: %d in %s s, %s',
      outgoing.method,
      outgoing.path,
      incoming.statusCode,
      ((performance.now() - begun) / 1000).toFixed(3),
      incoming.headers['x-request-id'],
    );
    return incoming;
  }

  private async answered(incoming: IncomingMessage, outgoing: Outgoing): Promise<Answer> {
    return this.answer(incoming, await this.transport.read(incoming, outgoing));
  }

  private answer(incoming: IncomingMessage, body: Buffer): Answer {
    const { statusCode = 0, headers } = incoming;
    return { origin: this.origin, status: statusCode, headers, body };
  }

  private outgoing(call: Call): Outgoing {
    const headers = { ...this.headers };
    const content = call.body && body(call.body);
    if (content) {
      headers['Content-Type'] = JSON_TYPE;
      headers['Content-Length'] = String(content.length);
    }
    if (call.method === 'POST') {
      // The same at every try: what was done already is not done again.
      headers['Idempotency-Key'] = idempotencyKey(call.idempotencyKey);
    }
    return {
      method: call.method,
      path: call.path + query(call.query ?? {}),
      headers,
      body: content,
      timeoutMs: this.timeoutMs + (call.waitsMs ?? 0),
      deadline: call.deadline,
      signal: call.signal,
      isStream: false,
    };
  }
}

/** The caller's own key, or a new one. Throws TypeError for what is none, the empty one too. */
function idempotencyKey(given: string | undefined): string {
  if (given === undefined) {
    return randomUUID();
  }
  if (typeof given !== 'string' || !/^[!-~]{1,255}$/.test(given)) {
    throw new TypeError(
      'idempotencyKey must be 1 to 255 printable ASCII characters, without blanks.',
    );
  }
  return given;
}

function query(fields: Record<string, unknown>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null) {
      given.set(name, String(rfc3339(name, value)));
    }
  }
  const text = given.toString();
  return text && `?${text}`;
}
