// Whether a request is sent again, and after which pause (pure). In seconds.

import { APIConnectionError, APITimeoutError, KyrosError } from './errors';

const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 8;
/** A longer `Retry-After` is the caller's to decide on. */
const LONGEST_RETRY_AFTER = 60;
/** The API sends a comment this often in a quiet stream. */
const HEARTBEAT = 10;
const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [A-Za-z0-9: -]+$/;

/**
 * The seconds before the next try after `tries` earlier ones; undefined when there is none.
 * `chance` is a random number from 0 to 1: clients that failed together don't come together.
 */
export function pause(
  error: KyrosError,
  tries: number,
  maxRetries: number,
  chance: number,
): number | undefined {
  const asked = error.retryAfter ?? 0;
  if (tries >= maxRetries || asked > LONGEST_RETRY_AFTER || !passes(error)) {
    return undefined;
  }
  const usual = (Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE) * (1 + chance)) / 2;
  return Math.max(usual, asked * (1 + chance / 10));
}

/**
 * Whether a quiet stream that ended so was good, and its tries are counted anew. `lived` are the
 * seconds from the answer's beginning to the stream's end: a heartbeat at least, and not in silence.
 */
export function beginsAnew(error: KyrosError, lived: number): boolean {
  return lived >= HEARTBEAT && !(error instanceof APITimeoutError);
}

/**
 * The seconds that a `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3).
 * `now` is in milliseconds since 1970. Undefined for what is neither.
 */
export function retryAfter(value: string, now: number): number | undefined {
  if (/^[0-9]{1,9}$/.test(value)) {
    return Number(value);
  }
  const moment = DATE.test(value)
    ? Date.parse(value.endsWith('GMT') ? value : `${value} GMT`)
    : Number.NaN;
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - now) / 1000);
}

/** Whether the same request may be answered later; a POST is safe under its Idempotency-Key. */
function passes(error: KyrosError): boolean {
  if (error instanceof APIConnectionError) {
    // After `wait_timeout` the caller waits no longer.
    return error.code !== 'wait_timeout';
  }
  const status = error.status ?? 0;
  // A 409 that says when to come back: the same request is at work this moment.
  const waits = status === 409 && error.retryAfter !== undefined;
  return waits || status === 429 || status >= 500;
}
