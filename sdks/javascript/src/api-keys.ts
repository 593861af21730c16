// `client.apiKeys`: the credentials of programs. All of it needs the permission `admin`.

import { segment } from './address';
import { ApiKey, Permission } from './models/access';
import { Word } from './models/model';
import { Mode } from './models/tasks';
import { Pages } from './pages';
import { CallOptions, ListFields, Moment, PostOptions, Resource, as, given } from './resource';
import { Given } from './spelling';

export type NewApiKey = Given<{
  name: string;
  permissions: readonly Permission[];
  mode?: Mode | null;
  expires_at?: Moment | null;
  /** Requests a minute. */
  rate_limit?: number | null;
  day_budget_usd?: number | null;
}>;

/** What changes; `remove` names what the key is to have no more. */
export type ApiKeyChanges = Given<{
  name?: string | null;
  permissions?: readonly Permission[] | null;
  expires_at?: Moment | null;
  rate_limit?: number | null;
  day_budget_usd?: number | null;
  remove?: readonly Word<'expires_at' | 'rate_limit' | 'day_budget_usd'>[] | null;
}>;

export type Rotation = Given<{ overlap_seconds?: number | null }>;

/** Make, change, rotate and revoke API keys. */
export class ApiKeys extends Resource {
  /**
   * Makes a key. `key`, the secret, is shown this once. Where the answer was lost on its way and the
   * call repeated, it is null: rotate the key then.
   */
  async create(key: NewApiKey, options: PostOptions = {}): Promise<ApiKey> {
    return this._post(as(ApiKey), '/api-keys', given(key), options);
  }

  /** The keys of the caller's mode, newest first. */
  list(filters: ListFields = {}, options: CallOptions = {}): Pages<ApiKey> {
    return this._list(ApiKey, '/api-keys', 'api_keys', filters, options);
  }

  /** One key's record. */
  async get(keyId: string, options: CallOptions = {}): Promise<ApiKey> {
    return this._get(as(ApiKey), path(keyId), {}, options);
  }

  /** Changes what is given. */
  async update(
    keyId: string,
    changes: ApiKeyChanges,
    options: CallOptions = {},
  ): Promise<ApiKey> {
    return this._patch(as(ApiKey), path(keyId), given(changes), options);
  }

  /**
   * Replaces a key's secret; the new one, `key`, is shown this once. The one before stays good for
   * `overlap_seconds` more, a day by default. Where the answer was lost on its way and the call
   * repeated, `key` is null. Rotating again then ends the secret before the lost one at once: where
   * that one is in use, rather `create` another key.
   */
  async rotate(
    keyId: string,
    rotation: Rotation = {},
    options: PostOptions = {},
  ): Promise<ApiKey> {
    return this._post(as(ApiKey), `${path(keyId)}/rotate`, given(rotation), options);
  }

  /** Revokes a key: it is refused from then on. */
  async revoke(keyId: string, options: CallOptions = {}): Promise<ApiKey> {
    return this._delete(as(ApiKey), path(keyId), options);
  }
}

function path(keyId: string): string {
  return `/api-keys/${segment('key_id', keyId)}`;
}
