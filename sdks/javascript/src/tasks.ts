// `client.tasks`: pieces of work.

import { performance } from 'node:perf_hooks';
import { segment } from './address';
import { APIConnectionError, APITimeoutError, KyrosError, ServerError } from './errors';
import { read } from './models/model';
import { TaskCosts } from './models/monitoring';
import {
  AgentContext,
  NewContext,
  NewTask,
  Priority,
  Role,
  State,
  Status,
  Task,
  TaskEvent,
  TaskStatus,
  TaskType,
} from './models/tasks';
import { Pages } from './pages';
import {
  CallOptions,
  ListFields,
  Moment,
  PostOptions,
  Resource,
  as,
  given,
  listed,
} from './resource';
import { beginsAnew } from './retry';
import { Given, only } from './spelling';
import { Deadline } from './transport';

const FINAL: readonly string[] = ['completed', 'failed'];
/** How many ms one request of `wait` waits, and fewer where somebody wants to hear of progress. */
const WAIT_MS = 30_000;
const PROGRESS_MS = 2000;
/** Where too many wait already the API answers at once: a loop takes a second at least. */
const LEAST_MS = 1000;

/** Which tasks are listed; `q` are words in the title or the description. */
export type TaskFilters = Given<
  ListFields & {
    status?: Status | null;
    state?: State | null;
    type?: TaskType | null;
    priority?: Priority | null;
    assignee_role?: Role | null;
    created_after?: Moment | null;
    created_before?: Moment | null;
    q?: string | null;
  }
>;

export interface WaitOptions extends CallOptions {
  /** Is given the task at first, and whenever its status or progress has changed. */
  onProgress?: ((task: Task) => unknown) | undefined;
  /** In milliseconds; without it, `wait` goes on until the task is final. */
  timeout?: number | undefined;
}

export interface StreamOptions extends CallOptions {
  /** The `seq` of an event to begin after. */
  lastEventId?: number | string | undefined;
}

/** Create tasks, wait for them, follow them. */
export class Tasks extends Resource {
  /** Creates a task, queued at once. Rejects with a ValidationError that has every wrong field. */
  async create(task: Task | NewTask, options: PostOptions = {}): Promise<Task> {
    return this._post(as(Task), '/tasks', fields(task), options);
  }

  /** Creates 1 to 1,000 tasks, all or none; gives them in the same order. */
  async createBatch(
    tasks: readonly (Task | NewTask)[],
    options: PostOptions = {},
  ): Promise<Task[]> {
    const reads = (data: unknown) => listed(Task, 'tasks', data);
    return this._post(reads, '/tasks/batch', { tasks: tasks.map(fields) }, options);
  }

  /** The task as it is now, with its `result` and `error`. */
  async get(taskId: string, options: CallOptions = {}): Promise<Task> {
    return this._get(as(Task), path(taskId), {}, options);
  }

  /** How the task stands: `status`, and `progress.percentage`. */
  async getStatus(taskId: string, options: CallOptions = {}): Promise<TaskStatus> {
    return this._get(as(TaskStatus), `${path(taskId)}/status`, {}, options);
  }

  /** What was spent on the task, on what, and what was saved, over all its runs. */
  async getCosts(taskId: string, options: CallOptions = {}): Promise<TaskCosts> {
    return this._get(as(TaskCosts), `${path(taskId)}/costs`, {}, options);
  }

  /** The tasks that pass the filters, newest first. */
  list(filters: TaskFilters = {}, options: CallOptions = {}): Pages<Task> {
    return this._list(Task, '/tasks', 'tasks', filters, options);
  }

  /**
   * The task, as soon as it is completed or failed; a failed one throws nothing. Rejects with an
   * APITimeoutError (code `wait_timeout`) when the task is not known to be final in time, or the API
   * can't be asked again before; it goes on. An API that fails at every try is that error, however
   * much time is left.
   */
  async wait(taskId: string, options: WaitOptions = {}): Promise<Task> {
    only(['onProgress', 'timeout', 'signal'], options);
    const { onProgress, timeout = Number.POSITIVE_INFINITY, signal } = options;
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new TypeError('timeout must be a number of milliseconds, 0 or more.');
    }
    const end = performance.now() + timeout;
    let stands = 'not known to be final';
    const error = (cause?: KyrosError) => {
      const message = cause
        ? `${taskId} was not answered in time. The last try: ${cause.reason}`
        : `${taskId} is ${stands} after ${timeout / 1000} seconds; it goes on.`;
      return new APITimeoutError(message, { code: 'wait_timeout', cause });
    };
    const deadline = { at: end, error };
    let seen = '';
    while (true) {
      const begun = performance.now();
      const longest = Math.min(onProgress ? PROGRESS_MS : WAIT_MS, end - begun);
      const seconds = Math.max(0, Math.floor(longest / 1000));
      const task = await this.waited(taskId, seconds, deadline, signal);
      stands = `still ${task.status}`;
      const news = JSON.stringify([task.status, task.progress]);
      if (onProgress && news !== seen) {
        await onProgress(task);
      }
      seen = news;
      if (FINAL.includes(task.status)) {
        return task;
      }
      const now = performance.now();
      if (now >= end) {
        throw error();
      }
      if (now < begun + LEAST_MS) {
        await this.api.transport.pause(Math.min(begun + LEAST_MS, end) - now, signal);
      }
    }
  }

  /**
   * What happens to the task, from its beginning and then live, until it is final. A broken stream
   * is resumed, tried as often as any call; leaving the loop closes it.
   */
  async *stream(
    taskId: string,
    options: StreamOptions = {},
  ): AsyncGenerator<TaskEvent, void, undefined> {
    only(['lastEventId', 'signal'], options);
    const { lastEventId, signal } = options;
    if (lastEventId !== undefined && !/^[0-9]+$/.test(String(lastEventId))) {
      throw new TypeError('lastEventId must be the seq of an event, a whole number.');
    }
    let last = lastEventId === undefined ? undefined : String(lastEventId);
    for (let tries = 0; ; tries += 1) {
      let failure: KyrosError | undefined;
      let begun = Number.POSITIVE_INFINITY;
      const messages = this.api.messages(`${path(taskId)}/stream`, last, signal);
      try {
        for await (const message of messages) {
          if (!message) {
            begun = performance.now();
            continue;
          }
          if (message.event === 'end') {
            return;
          }
          tries = 0;
          last = message.id ?? last;
          yield event(message.data);
        }
      } catch (error) {
        if (!(error instanceof KyrosError)) {
          throw error;
        }
        failure = error;
      }
      failure ??= new APIConnectionError(`The stream of ${taskId} ended before the task did.`, {
        code: 'connection_failed',
      });
      if (beginsAnew(failure, (performance.now() - begun) / 1000)) {
        tries = 0;
      }
      await this.api.pause(failure, tries, signal);
    }
  }

  /** Everything that happened to the task, oldest first. */
  timeline(taskId: string, filters: ListFields = {}, options: CallOptions = {}): Pages<TaskEvent> {
    return this._list(TaskEvent, `${path(taskId)}/timeline`, 'events', filters, options);
  }

  /** Cancels the task. Rejects with a ConflictError when it is final already. */
  async cancel(taskId: string, options: PostOptions = {}): Promise<Task> {
    return this._post(as(Task), `${path(taskId)}/cancel`, {}, options);
  }

  /** Starts a failed or cancelled task again. Rejects with a ConflictError for any other. */
  async retry(taskId: string, options: PostOptions = {}): Promise<Task> {
    return this._post(as(Task), `${path(taskId)}/retry`, {}, options);
  }

  private waited(
    taskId: string,
    seconds: number,
    deadline: Deadline,
    signal: AbortSignal | undefined,
  ): Promise<Task> {
    const query = seconds ? { wait: seconds } : {};
    const waitsMs = seconds * 1000;
    const call = { method: 'GET', path: path(taskId), query, signal, waitsMs, deadline };
    return this.api.call(call, as(Task));
  }
}

function path(taskId: string): string {
  return `/tasks/${segment('task_id', taskId)}`;
}

function fields(task: Task | NewTask): Record<string, unknown> {
  const body = given(task);
  if (body.context) {
    body.context = new AgentContext(body.context as NewContext);
  }
  return body;
}

function event(data: string): TaskEvent {
  try {
    return read(TaskEvent, JSON.parse(data));
  } catch (cause) {
    throw new ServerError("The stream told an event that is not the API's.", {
      status: 200,
      code: 'unreadable_answer',
      cause,
    });
  }
}
