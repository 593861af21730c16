// What JSON can say.

import { types } from 'node:util';
import { Json } from './models/model';

/**
 * A request's body. Throws TypeError for what JSON can't say, and `JSON.stringify` would quietly
 * leave out, make null or `{}` of, or refuses itself (a BigInt, a circle). A field that is undefined
 * is not there.
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
  const isLost = value === undefined && Array.isArray(this);
  if (isLost || typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`${name} is of the type ${typeof value}, which JSON can't say.`);
  }
  if (types.isMap(value) || types.isSet(value)) {
    throw new TypeError(`${name} is a Map or a Set, which JSON can't say: give an object or an array.`);
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
