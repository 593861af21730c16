// Webhooks and API keys.

import { Read } from '../spelling';
import { Word, each, hide } from './model';
import { Mode } from './tasks';

export type TaskEventType =
  | 'task.created'
  | 'task.started'
  | 'task.progress'
  | 'task.completed'
  | 'task.failed'
  | 'task.cancelled';
export type EscalationEventType =
  | 'escalation.requested'
  | 'escalation.approved'
  | 'escalation.rejected'
  | 'escalation.completed';
export type SystemEventType = 'system.health_check' | 'system.alert' | 'system.maintenance';

/** What an endpoint can be told. */
export type EventPattern = Word<
  TaskEventType | EscalationEventType | SystemEventType | 'task.*' | 'escalation.*' | 'system.*' | '*'
>;

export type Permission = Word<
  | 'tasks:read'
  | 'tasks:write'
  | 'agents:submit'
  | 'agents:register'
  | 'escalations:request'
  | 'escalations:approve'
  | 'webhooks:manage'
  | 'monitoring:read'
  | 'admin'
>;

/**
 * An endpoint that is told what happens. `secret` is there where it was just made; what prints
 * objects does not show it.
 */
export interface Webhook
  extends Read<{
    id: string;
    url: string;
    events: EventPattern[];
    description: string;
    enabled: boolean;
    disabled_reason: string | null;
    secret?: string | null;
    /** The same secret in the form that libraries for Standard Webhooks read. */
    standard_secret?: string | null;
    secret_pending_since: string | null;
    mode: Mode;
    created_by: string;
    created_at: string;
    updated_at: string;
  }> {}
export class Webhook {}
hide(Webhook, ['secret', 'standard_secret']);

/** One try to deliver, and what was answered. */
export interface DeliveryAttempt
  extends Read<{
    number: number;
    at: string;
    duration_seconds: number;
    headers: Record<string, string>;
    status_code: number | null;
    answer: string | null;
    error: string | null;
  }> {}
export class DeliveryAttempt {}

/** One event on its way to one webhook. */
export interface Delivery
  extends Read<{
    id: string;
    webhook_id: string;
    event_id: string;
    event_type: string;
    task_id: string | null;
    status: string;
    body: string;
    attempts: DeliveryAttempt[];
    next_attempt_at: string | null;
    created_at: string;
    delivered_at: string | null;
  }> {}
export class Delivery {
  /** @internal */
  static readonly reads = { attempts: each(DeliveryAttempt) };
}

/** How many deliveries go out again. */
export interface Replay extends Read<{ id: string; since: string; deliveries: number }> {}
export class Replay {}

/**
 * An API key's record. `key`, the secret, is there where it was just made; what prints objects does
 * not show it.
 */
export interface ApiKey
  extends Read<{
    id: string;
    name: string;
    prefix: string;
    key?: string | null;
    permissions: Permission[];
    rate_limit: number | null;
    day_budget_usd: number | null;
    mode: Mode;
    created_by: string;
    created_at: string;
    expires_at: string | null;
    /** Until when the secret before is good; null when none is. */
    previous_expires_at: string | null;
    last_used_at: string | null;
    revoked_at: string | null;
  }> {}
export class ApiKey {}
hide(ApiKey, ['key']);
