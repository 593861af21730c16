// Both spellings of a name: the API's `task_id`, and `taskId`.

import { types } from 'node:util';

export type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type Renamed<Fields> = { [Name in keyof Fields as Camel<Name & string>]: Fields[Name] };

/** What an answer holds, readable in both spellings. */
export type Read<Fields> = Fields & Renamed<Fields>;

type Required<Fields> = {
  [Name in keyof Fields]-?: object extends Pick<Fields, Name> ? never : Name;
}[keyof Fields];
type Optional<Fields> = Exclude<keyof Fields, Required<Fields>>;

/** What a caller gives, each name in either spelling. */
export type Given<Fields> = Pick<Fields, Optional<Fields>> &
  Renamed<Pick<Fields, Optional<Fields>>> &
  (Pick<Fields, Required<Fields>> | Renamed<Pick<Fields, Required<Fields>>>);

/** `task_id` of `taskId`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `taskId` of `task_id`. */
export function camel(name: string): string {
  return name.replace(/(?!^)_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The fields under the API's names; what is undefined is not there, and what is nested stays as it
 * is. Throws TypeError for what is no object, and for a field that is given twice.
 */
export function spelled(given: object): Record<string, unknown> {
  if (!hasFields(given)) {
    throw new TypeError(`An object of fields is asked for, not ${String(given)}.`);
  }
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(given)) {
    const spelling = snake(name);
    if (fields.has(spelling)) {
      throw new TypeError(`${spelling} is given in both spellings.`);
    }
    if (value !== undefined) {
      fields.set(spelling, value);
    }
  }
  return Object.fromEntries(fields);
}

/** Whether it is an object of fields; those of a Map would be lost. */
export function hasFields(given: unknown): given is object {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  return isObject && !types.isMap(given) && !types.isSet(given);
}

/** Throws TypeError for an option that is none: lost in silence, it would seem to work. */
export function only(names: readonly string[], given: object): void {
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw new TypeError(`There is no option ${name}; there are ${names.join(', ')}.`);
    }
  }
}
