// Tasks, what happens to them, and who does them.

import { Given, Read, hasFields, spelled } from '../spelling';
import { Json, Word, alias, dressed, one } from './model';

export type TaskType = Word<
  | 'implementation'
  | 'review'
  | 'deployment'
  | 'security_review'
  | 'vulnerability_scan'
  | 'compliance_check'
>;
export type Priority = Word<'low' | 'medium' | 'high' | 'critical'>;
export type Complexity = Word<'low' | 'medium' | 'high'>;
export type Role = Word<'implementer' | 'critic' | 'integrator'>;
export type Tier = Word<'economy' | 'premium'>;
export type Mode = Word<'live' | 'test'>;
export type Status = Word<'pending' | 'in_progress' | 'completed' | 'failed'>;
/** The precise one. */
export type State = Word<
  'queued' | 'running' | 'awaiting_approval' | 'completed' | 'failed' | 'cancelled'
>;

/** How far a task is: `percentage` from 0 to 100. */
export interface Progress extends Read<{ percentage: number; stage: string; message: string }> {}
export class Progress {}

/** A task to be created; what is not given is left to the API's default. */
export type NewTask = Given<{
  title: string;
  description?: string | null;
  type?: TaskType | null;
  priority?: Priority | null;
  assignee_role?: Role | null;
  acceptance_criteria?: readonly string[] | null;
  files_to_modify?: readonly string[] | null;
  complexity?: Complexity | null;
  metadata?: Json | null;
  context?: AgentContext | NewContext | null;
  dedupe_key?: string | null;
  deadline_seconds?: number | null;
}>;

/** A piece of work: made of what you ask for, read as what became of it. */
export interface Task
  extends Read<{
    id: string;
    title: string;
    description: string;
    type: TaskType;
    priority: Priority;
    assignee_role: Role;
    acceptance_criteria: string[];
    files_to_modify: string[];
    complexity: Complexity | null;
    metadata: Json;
    deadline_seconds: number;
    dedupe_key: string | null;
    status: Status;
    state: State;
    progress: Progress;
    result: Json | null;
    /** A sentence; null unless failed. */
    error: string | null;
    cancelled: boolean;
    cost_usd: number;
    unpriced_calls: number;
    model_tier: Tier | null;
    escalated: boolean;
    submission_id: string;
    mode: Mode;
    created_by: string;
    created_at: string;
    updated_at: string;
    started_at: string | null;
    completed_at: string | null;
    deadline_at: string;
    url: string;
  }> {}
export class Task {
  /** @internal */
  static readonly reads = { progress: one(Progress) };

  constructor(fields: NewTask) {
    Object.assign(this, spelled(fields));
    dressed(Task, this);
  }
}

/** How a task stands. */
export interface TaskStatus
  extends Read<{ id: string; status: Status; progress: Progress; updated_at: string }> {}
export class TaskStatus {
  /** @internal */
  static readonly reads = { progress: one(Progress) };
}

/** Something that happened to a task; `seq` counts a task's events from 1. */
export interface TaskEvent
  extends Read<{ seq: number; id: string; type: string; created_at: string; data: Json }> {}
export class TaskEvent {}

/** What the models are shown; any field may be added, and is sent as it is spelled. */
export interface NewContext {
  repository_state?: unknown;
  repositoryState?: unknown;
  recent_changes?: unknown;
  recentChanges?: unknown;
  /** From a path to its text. */
  files?: Record<string, string>;
  [name: string]: unknown;
}

/** What the models are shown beside the task. */
export class AgentContext {
  [name: string]: unknown;

  constructor(fields: NewContext = {}) {
    if (!hasFields(fields)) {
      throw new TypeError(`A context is an object, not ${String(fields)}.`);
    }
    const { repositoryState, recentChanges, ...others } = fields;
    const named = { repositoryState, recentChanges };
    Object.assign(this, spelled(named), others);
  }
}
alias(AgentContext.prototype, 'repository_state');
alias(AgentContext.prototype, 'recent_changes');

/** One pass of one role at one task. */
export interface AgentSubmission
  extends Read<{ submission_id: string; task_id: string; role: Role; status: string }> {}
export class AgentSubmission {}

/** A built-in role, or a registered agent. */
export interface Agent
  extends Read<{
    agent_id: string;
    status: string;
    capabilities: string[];
    queue_depth: number;
    workers: number;
  }> {}
export class Agent {}

/** A request for the premium tier, and what came of it. */
export interface Escalation
  extends Read<{
    id: string;
    task_id: string;
    status: Word<'requested' | 'approved' | 'rejected' | 'completed'>;
    role: Role;
    tier: Tier;
    reason: string;
    /** Which rule asked; null when a person did. */
    rule: string | null;
    /** What the rule compared. */
    figures: Json[];
    priority: Priority;
    requested_by: string;
    decided_by: string | null;
    comment: string | null;
    /** Whether who asked may not approve it. */
    four_eyes: boolean;
    /** The most that its first call may cost; null where no price is known. */
    estimated_cost_usd: number | null;
    mode: Mode;
    /** When it is decided by itself, as `on_timeout` says. */
    due_at: string;
    on_timeout: Word<'reject' | 'accept_best'>;
    created_at: string;
    decided_at: string | null;
    completed_at: string | null;
  }> {}
export class Escalation {}
