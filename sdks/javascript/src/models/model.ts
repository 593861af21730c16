// Objects of the API: they hold the answer's JSON itself, and read in both spellings.

import { InspectOptions, inspect } from 'node:util';
import { camel } from '../spelling';

/** One of the words that are known, or one that is newer than this package. */
export type Word<Known extends string> = Known | (string & {});

export type Json = Record<string, any>;

/** How the fields that are not taken as they are get read. */
export type Reads = Record<string, (value: any) => unknown>;

export interface Kind<M> {
  readonly prototype: M;
  readonly reads?: Reads;
}

/** Reads an object as that kind, where it stands. Throws TypeError for what is no object. */
export function read<M extends object>(kind: Kind<M>, data: unknown): M {
  if (!isObject(data)) {
    throw new TypeError('An object was expected.');
  }
  for (const [name, reads] of Object.entries(kind.reads ?? {})) {
    const value = data[name];
    if (value !== undefined && value !== null) {
      data[name] = reads(value);
    }
  }
  return dressed(kind, data);
}

/** The object as one of that kind: its own fields are those of the JSON, no more. */
export function dressed<M extends object>(kind: Kind<M>, data: object): M {
  for (const name of Object.keys(data)) {
    alias(kind.prototype, name);
  }
  return Object.setPrototypeOf(data, kind.prototype) as M;
}

/** Has `taskId` read and set `task_id`; on the prototype, so that JSON and loops don't see it. */
export function alias(prototype: object, name: string): void {
  const other = camel(name);
  if (other === name || other in prototype) {
    return;
  }
  Object.defineProperty(prototype, other, {
    configurable: true,
    get(this: Json) {
      return this[name];
    },
    set(this: Json, value: unknown) {
      this[name] = value;
    },
  });
}

/** Reads an object as that kind; what is none stays as it is. */
export function one<M extends object>(kind: Kind<M>): (value: unknown) => unknown {
  return (value) => (isObject(value) ? read(kind, value) : value);
}

/** Reads the objects of a list as that kind. */
export function each<M extends object>(kind: Kind<M>): (values: unknown) => unknown {
  return (values) => (Array.isArray(values) ? values.map(one(kind)) : values);
}

/** Reads the objects in an object as that kind; its own names are data, and stay as they are. */
export function byName<M extends object>(kind: Kind<M>): (values: unknown) => unknown {
  return (values) => {
    if (isObject(values)) {
      for (const name of Object.keys(values)) {
        values[name] = one(kind)(values[name]);
      }
    }
    return values;
  };
}

/** An object whose names are not known beforehand; what is in it reads in both spellings, too. */
export class Tree {
  [name: string]: any;

  /** @internal */
  static grow(value: unknown): unknown {
    if (Array.isArray(value)) {
      return value.map(Tree.grow);
    }
    if (!isObject(value)) {
      return value;
    }
    for (const name of Object.keys(value)) {
      value[name] = Tree.grow(value[name]);
    }
    return dressed(Tree, value);
  }
}

/** Has console.log, and what else prints objects, not show these fields; JSON keeps them. */
export function hide<M extends object>(kind: Kind<M>, names: readonly string[]): void {
  Object.defineProperty(kind.prototype, inspect.custom, {
    value(this: Json, depth: number, options: InspectOptions) {
      const shown: Json = { ...this };
      for (const name of names.filter((each) => shown[each])) {
        shown[name] = 'hidden';
      }
      Object.setPrototypeOf(shown, kind.prototype);
      return inspect(shown, { ...options, depth, customInspect: false });
    },
  });
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
