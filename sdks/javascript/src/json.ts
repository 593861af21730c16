// What JSON can say.

import { Json } from './models/model';

/**
 * A request's body. Throws TypeError for what JSON can't say, and `JSON.stringify` would quietly
 * make null of, or refuses itself (a BigInt, a circle).
 */
export function body(value: object): Buffer {
  return Buffer.from(JSON.stringify(value, plain));
}

function plain(this: Json, name: string, value: unknown): unknown {
  // The Date itself: its toJSON has run already, and makes null of one that is invalid.
  rfc3339(name, this[name]);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError(`${name} is ${value}, which JSON can't say.`);
  }
  return value;
}

/** A Date as the API reads it, anything else as it is. Throws TypeError for an invalid Date. */
export function rfc3339(name: string, value: unknown): unknown {
  if (!(value instanceof Date)) {
    return value;
  }
  if (Number.isNaN(value.getTime())) {
    throw new TypeError(`${name} is an invalid Date.`);
  }
  return value.toISOString();
}
