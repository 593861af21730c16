// Verifies what Kyros sends to a webhook.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { TextDecoder } from 'node:util';
import { EscalationEventType, SystemEventType, TaskEventType } from './models/access';
import { Json, dressed, isObject, one } from './models/model';
import { Escalation, Task } from './models/tasks';
import { Read, only } from './spelling';

const SIGNATURE = 'webhook-signature';
const BARE_SIGNATURE = 'X-Kyros-Signature';
const PREFIX = 'whsec_';
/** Base64 of one byte or more; the padding may be left out. */
const BASE64 = /^(?=..)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const TOLERANCE_MS = 300_000;

/** `id` is the same at every try to deliver it. */
type Told<Type, Data> = Read<{ id: string; type: Type; created_at: string; data: Data }>;

/** What happened. An endpoint of `*` may be told of types that are newer than this package, too. */
export type WebhookEvent =
  | Told<TaskEventType, Task>
  | Told<EscalationEventType, Escalation>
  | Told<SystemEventType, Json>
  | { id?: undefined; type: 'test'; created_at?: undefined; createdAt?: undefined; data: Json };

/** What an event reads as, so that its fields have both spellings. */
class Received {}

/** The headers of `node:http`, or a `Headers`. */
export type WebhookHeaders =
  | Record<string, string | string[] | undefined>
  | Iterable<[string, string]>;

export interface VerifyOptions {
  /** How many milliseconds a message may be away from this machine's clock: 300,000. */
  tolerance?: number | undefined;
  /** In milliseconds since 1970, for tests. */
  now?: number | undefined;
  /**
   * Whether `X-Kyros-Signature` does where none of the `webhook-…` headers is there. It covers no
   * time, so whoever recorded a request can send it again at any time. Default: false.
   */
  allowUntimed?: boolean | undefined;
}

/** The request is not one that Kyros sent, or not one that is to be trusted now. */
export class WebhookVerificationError extends Error {}
WebhookVerificationError.prototype.name = 'WebhookVerificationError';

/**
 * The event in a request's body, once its signature is found to be right.
 *
 * Pass the bytes (or the text) of the body as they came: parsed and written again, they may differ.
 * The Standard Webhooks headers (`webhook-id`, `webhook-timestamp`, `webhook-signature`) are checked;
 * `X-Kyros-Signature`, which covers no time, is enough only where `allowUntimed` says so.
 *
 * Throws WebhookVerificationError, with a sentence that says what is wrong; TypeError where it is
 * the caller that is wrong.
 */
export function verifyWebhook(
  payload: Uint8Array | string,
  headers: WebhookHeaders,
  secret: string | undefined,
  options: VerifyOptions = {},
): WebhookEvent {
  only(['tolerance', 'now', 'allowUntimed'], options);
  const { tolerance = TOLERANCE_MS, now = Date.now(), allowUntimed = false } = options;
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) {
    throw new TypeError('payload must be the bytes or the text of the body, as they came.');
  }
  if (typeof tolerance !== 'number' || !(tolerance >= 0)) {
    throw new TypeError('tolerance must be a number of milliseconds, 0 or more.');
  }
  const key = signingSecret(secret);
  const body = Buffer.from(payload as Uint8Array);
  const found = lowered(headers);
  if (['webhook-id', 'webhook-timestamp', SIGNATURE].some((name) => found.has(name))) {
    verifyStandard(body, found, key, tolerance, now);
  } else {
    verifyBare(body, found, key, allowUntimed);
  }
  return parsed(body);
}

/** The secret. Throws TypeError where there is none. */
export function signingSecret(secret: string | undefined): string {
  if (typeof secret !== 'string' || !secret) {
    throw new TypeError('secret is empty: with it, anybody could sign.');
  }
  return secret;
}

function verifyStandard(
  body: Buffer,
  headers: Map<string, string>,
  secret: string,
  tolerance: number,
  now: number,
): void {
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const signatures = header(headers, SIGNATURE);
  if (!/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError('The header webhook-timestamp is not a time in seconds.');
  }
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const expected = `v1,${createHmac('sha256', standardKey(secret)).update(signed).digest('base64')}`;
  if (!signatures.split(' ').some((signature) => same(expected, signature))) {
    throw new WebhookVerificationError('No signature in webhook-signature matches.');
  }
  const age = now - Number(timestamp) * 1000;
  // So written, a `now` that is no number lets nothing through.
  if (!(age <= tolerance)) {
    throw new WebhookVerificationError(
      `The message is too old: more than ${tolerance / 1000} seconds.`,
    );
  }
  if (!(-age <= tolerance)) {
    throw new WebhookVerificationError(
      `The message is from the future, by more than ${tolerance / 1000} seconds: ` +
        'is the clock right?',
    );
  }
}

function verifyBare(
  body: Buffer,
  headers: Map<string, string>,
  secret: string,
  allowUntimed: boolean,
): void {
  const signature = headers.get(BARE_SIGNATURE.toLowerCase());
  if (signature === undefined) {
    throw new WebhookVerificationError(
      `The request is not signed: it has neither ${SIGNATURE} nor ${BARE_SIGNATURE}.`,
    );
  }
  if (!allowUntimed) {
    throw new WebhookVerificationError(
      `The request has ${BARE_SIGNATURE} alone, which covers no time: ${SIGNATURE} is missing.`,
    );
  }
  if (!/^[0-9a-f]{64}$/.test(signature)) {
    throw new WebhookVerificationError(
      `The header ${BARE_SIGNATURE} is not 64 lower-case hexadecimal digits.`,
    );
  }
  if (!same(createHmac('sha256', secret).update(body).digest('hex'), signature)) {
    throw new WebhookVerificationError(`The signature in ${BARE_SIGNATURE} does not match.`);
  }
}

/** What a `whsec_` secret holds in base64; for any other secret its UTF-8 bytes. */
function standardKey(secret: string): Buffer {
  const encoded = secret.slice(PREFIX.length);
  const isEncoded = secret.startsWith(PREFIX) && BASE64.test(encoded);
  return isEncoded ? Buffer.from(encoded, 'base64') : Buffer.from(secret);
}

function same(expected: string, signature: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(signature)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function lowered(headers: WebhookHeaders): Map<string, string> {
  const entries: Iterable<[string, string | string[] | undefined]> =
    Symbol.iterator in headers
      ? (headers as Iterable<[string, string]>)
      : Object.entries(headers as Record<string, string | string[] | undefined>);
  const found = new Map<string, string>();
  for (const [name, value] of entries) {
    if (value !== undefined) {
      found.set(name.toLowerCase(), String(value));
    }
  }
  return found;
}

function header(headers: Map<string, string>, name: string): string {
  const value = headers.get(name);
  if (!value) {
    throw new WebhookVerificationError(`The header ${name} is missing.`);
  }
  return value;
}

function parsed(body: Buffer): WebhookEvent {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new WebhookVerificationError('The body is signed, but is not JSON.');
  }
  if (!isObject(event)) {
    throw new WebhookVerificationError('The body is signed, but is not a JSON object.');
  }
  const [room] = String(event.type).split('.');
  if (room === 'task') {
    event.data = one(Task)(event.data);
  } else if (room === 'escalation') {
    event.data = one(Escalation)(event.data);
  }
  return dressed(Received, event) as WebhookEvent;
}
