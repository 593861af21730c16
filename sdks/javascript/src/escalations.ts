// `client.escalations`: requests for the premium tier.

import { segment } from './address';
import { Escalation, Priority } from './models/tasks';
import { Pages } from './pages';
import { CallOptions, ListFields, PostOptions, Resource, as, given } from './resource';
import { Given } from './spelling';

export type NewEscalation = Given<{
  task_id: string;
  reason: string;
  priority?: Priority | null;
}>;

export type EscalationFilters = Given<
  ListFields & { status?: Escalation['status'] | null; task_id?: string | null }
>;

export interface Decision {
  comment?: string | null;
}

/** Ask for the premium tier, and decide who gets it. */
export class Escalations extends Resource {
  /** Asks for the premium tier; the task pauses until it is decided. */
  async submit(escalation: NewEscalation, options: PostOptions = {}): Promise<Escalation> {
    return this._post(as(Escalation), '/escalations', given(escalation), options);
  }

  /** The escalations that pass the filters, newest first. */
  list(filters: EscalationFilters = {}, options: CallOptions = {}): Pages<Escalation> {
    return this._list(Escalation, '/escalations', 'escalations', filters, options);
  }

  /** One escalation. */
  async get(escalationId: string, options: CallOptions = {}): Promise<Escalation> {
    return this._get(as(Escalation), path(escalationId), {}, options);
  }

  /** Lets the premium tier take over. Rejects with a ConflictError when it is decided already. */
  async approve(
    escalationId: string,
    decision: Decision = {},
    options: PostOptions = {},
  ): Promise<Escalation> {
    return this._post(as(Escalation), `${path(escalationId)}/approve`, given(decision), options);
  }

  /** Refuses the premium tier. Rejects with a ConflictError when it is decided already. */
  async reject(
    escalationId: string,
    decision: Decision = {},
    options: PostOptions = {},
  ): Promise<Escalation> {
    return this._post(as(Escalation), `${path(escalationId)}/reject`, given(decision), options);
  }
}

function path(escalationId: string): string {
  return `/escalations/${segment('escalation_id', escalationId)}`;
}
