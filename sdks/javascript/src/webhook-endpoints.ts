// `client.webhooks`: who is told what happens. To verify what is received: webhooks.ts.

import { segment } from './address';
import { Delivery, EventPattern, Replay, Webhook } from './models/access';
import { Pages } from './pages';
import { CallOptions, ListFields, Moment, PostOptions, Resource, as, given } from './resource';

export interface WebhookChanges {
  url?: string | null;
  events?: readonly EventPattern[] | null;
  description?: string | null;
  enabled?: boolean | null;
}

export interface NewWebhook extends WebhookChanges {
  url: string;
  events: readonly EventPattern[];
  secret?: string | null;
}

/** Have endpoints told what happens, and see what they were told. */
export class WebhookEndpoints extends Resource {
  /**
   * Makes a webhook; its `secret`, made by the API when absent, is shown this once. Where the answer
   * was lost on its way and the call repeated, it is null: rotate the secret then.
   */
  async create(webhook: NewWebhook, options: PostOptions = {}): Promise<Webhook> {
    return this._post(as(Webhook), '/webhooks', given(webhook), options);
  }

  /** The webhooks, newest first. */
  list(filters: ListFields = {}, options: CallOptions = {}): Pages<Webhook> {
    return this._list(Webhook, '/webhooks', 'webhooks', filters, options);
  }

  /** One webhook, without its secret. */
  async get(webhookId: string, options: CallOptions = {}): Promise<Webhook> {
    return this._get(as(Webhook), path(webhookId), {}, options);
  }

  /** Changes what is given; enabling it sends what was held. */
  async update(
    webhookId: string,
    changes: WebhookChanges,
    options: CallOptions = {},
  ): Promise<Webhook> {
    return this._patch(as(Webhook), path(webhookId), given(changes), options);
  }

  /** Deletes it; gives it as it was. */
  async delete(webhookId: string, options: CallOptions = {}): Promise<Webhook> {
    return this._delete(as(Webhook), path(webhookId), options);
  }

  /**
   * Makes a new `secret`; the old one signs beside it until `activateSecret`. Where the answer was
   * lost on its way and the call repeated, it is null: rotate again then.
   */
  async rotateSecret(webhookId: string, options: PostOptions = {}): Promise<Webhook> {
    return this._post(as(Webhook), `${path(webhookId)}/rotate-secret`, {}, options);
  }

  /** Has the new secret sign alone. Rejects with a ConflictError when there is none. */
  async activateSecret(webhookId: string, options: PostOptions = {}): Promise<Webhook> {
    return this._post(as(Webhook), `${path(webhookId)}/activate-secret`, {}, options);
  }

  /** Sends `{"type": "test", "data": {}}`. */
  async test(webhookId: string, options: PostOptions = {}): Promise<Delivery> {
    return this._post(as(Delivery), `${path(webhookId)}/test`, {}, options);
  }

  /** What was sent or is to be sent, newest first, with every attempt. */
  listDeliveries(
    webhookId: string,
    filters: ListFields = {},
    options: CallOptions = {},
  ): Pages<Delivery> {
    return this._list(Delivery, `${path(webhookId)}/deliveries`, 'deliveries', filters, options);
  }

  /** Sends one delivery again, under the same id. */
  async redeliver(
    webhookId: string,
    deliveryId: string,
    options: PostOptions = {},
  ): Promise<Delivery> {
    const delivery = segment('delivery_id', deliveryId);
    const to = `${path(webhookId)}/deliveries/${delivery}/redeliver`;
    return this._post(as(Delivery), to, {}, options);
  }

  /** Sends everything since a moment again, under the same ids. */
  async replay(
    webhookId: string,
    from: { since: Moment },
    options: PostOptions = {},
  ): Promise<Replay> {
    return this._post(as(Replay), `${path(webhookId)}/replay`, given(from), options);
  }
}

function path(webhookId: string): string {
  return `/webhooks/${segment('webhook_id', webhookId)}`;
}
