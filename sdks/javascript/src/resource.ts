// What every resource builds on: a few verbs over the API.

import { Api } from './api';
import { Json, Kind, dressed, isObject, read } from './models/model';
import { Page, Pages } from './pages';
import { only, spelled } from './spelling';

/** A moment: a Date, or the text of one (RFC 3339). */
export type Moment = Date | string;

export interface CallOptions {
  /** Gives the call up when it is aborted; the call then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface PostOptions extends CallOptions {
  /**
   * The same key within 24 hours gives the same answer, nothing being done twice; each call has
   * its own by default.
   */
  idempotencyKey?: string | undefined;
}

/** Which part of a list comes. */
export interface ListFields {
  /** How many come in a page, 1 to 200. */
  limit?: number | null;
  /** Where to begin: a page's `nextCursor`. */
  cursor?: string | null;
}

const CALL_OPTIONS = ['signal'];
const POST_OPTIONS = ['idempotencyKey', 'signal'];

/** A part of the API. */
export class Resource {
  /** @internal */
  protected readonly api!: Api;

  /** @internal */
  constructor(api: Api) {
    // Not seen by console.log, which would show the key.
    Object.defineProperty(this, 'api', { value: api });
  }

  /** @internal */
  protected async _get<T>(
    reads: (data: unknown) => T,
    path: string,
    query: object,
    options: CallOptions,
  ): Promise<T> {
    only(CALL_OPTIONS, options);
    const call = { method: 'GET', path, query: spelled(query), signal: options.signal };
    return this.api.call(call, reads);
  }

  /** @internal */
  protected async _post<T>(
    reads: (data: unknown) => T,
    path: string,
    body: object,
    options: PostOptions,
  ): Promise<T> {
    only(POST_OPTIONS, options);
    const { idempotencyKey, signal } = options;
    return this.api.call({ method: 'POST', path, body, idempotencyKey, signal }, reads);
  }

  /** @internal */
  protected async _patch<T>(
    reads: (data: unknown) => T,
    path: string,
    body: object,
    options: CallOptions,
  ): Promise<T> {
    only(CALL_OPTIONS, options);
    const call = { method: 'PATCH', path, body, signal: options.signal };
    return this.api.call(call, reads);
  }

  /** @internal */
  protected async _delete<T>(
    reads: (data: unknown) => T,
    path: string,
    options: CallOptions,
  ): Promise<T> {
    only(CALL_OPTIONS, options);
    const call = { method: 'DELETE', path, signal: options.signal };
    return this.api.call(call, reads);
  }

  /** @internal */
  protected _list<M extends object>(
    kind: Kind<M>,
    path: string,
    plural: string,
    filters: object,
    options: CallOptions,
  ): Pages<M> {
    only(CALL_OPTIONS, options);
    const { cursor: first, ...query } = spelled(filters);
    const reads = (data: unknown) => page(kind, plural, data);
    const fetch = (cursor: string | null | undefined) => {
      const call = { method: 'GET', path, query: { ...query, cursor }, signal: options.signal };
      return this.api.call(call, reads);
    };
    return new Pages(fetch, first as string | null | undefined);
  }
}

/** Reads an answer as that kind. */
export function as<M extends object>(kind: Kind<M>): (data: unknown) => M {
  return (data) => read(kind, data);
}

/** The fields that are given, under the API's names: null is absent. */
export function given(fields: object): Record<string, unknown> {
  const present = Object.entries(spelled(fields)).filter(([, value]) => value !== null);
  return Object.fromEntries(present);
}

/** Reads the list in an answer. Throws TypeError where there is none. */
export function listed<M extends object>(kind: Kind<M>, plural: string, data: unknown): M[] {
  if (!isObject(data) || !Array.isArray(data[plural])) {
    throw new TypeError(`The list ${plural} is missing.`);
  }
  return data[plural].map(as(kind));
}

function page<M extends object>(kind: Kind<M>, plural: string, data: unknown): Page<M> {
  const items = listed(kind, plural, data);
  const { next_cursor = null, has_more } = data as Json;
  return dressed(Page, { items, next_cursor, has_more: Boolean(has_more) }) as Page<M>;
}
