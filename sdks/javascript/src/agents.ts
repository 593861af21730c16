// `client.agents`: who does the work.

import { segment } from './address';
import { Agent, AgentContext, AgentSubmission, NewContext, Role } from './models/tasks';
import { Pages } from './pages';
import { CallOptions, ListFields, PostOptions, Resource, as, given } from './resource';
import { Given } from './spelling';

export type NewAgent = Given<{
  agent_id: string;
  capabilities: readonly string[];
  status?: string | null;
}>;

/** Submit tasks to roles, and register agents of your own. */
export class Agents extends Resource {
  /**
   * Submits a task to a role, with what its model is shown. What has not started takes the context
   * in; what runs is superseded.
   */
  async submit(
    role: Role,
    taskId: string,
    context?: AgentContext | NewContext | null,
    options: PostOptions = {},
  ): Promise<AgentSubmission> {
    const shown = context && { context: new AgentContext(context) };
    const path = `/agents/${segment('role', role)}/submit`;
    return this._post(as(AgentSubmission), path, { task_id: taskId, ...shown }, options);
  }

  /** The built-in roles and the registered agents. The API of this version answers 404 to it. */
  list(filters: ListFields = {}, options: CallOptions = {}): Pages<Agent> {
    return this._list(Agent, '/agents', 'agents', filters, options);
  }

  /**
   * Registers an agent, or again one that is registered. The API of this version answers 404 to it.
   */
  async register(agent: NewAgent, options: PostOptions = {}): Promise<Agent> {
    const body = { status: 'available', ...given(agent) };
    return this._post(as(Agent), '/agents/register', body, options);
  }
}
