// Everything that the SDK offers, as a checker of types sees it. What is marked must not pass.
import {
  APIConnectionError,
  APITimeoutError,
  AgentContext,
  AuthenticationError,
  ConflictError,
  KyrosClient,
  KyrosError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  Task,
  VERSION,
  ValidationError,
  WebhookVerificationError,
  verifyWebhook,
  webhookHandler,
} from '@kyros/sdk';
import type {
  ApiKey,
  Costs,
  Delivery,
  Escalation,
  NewTask,
  Page,
  Pages,
  Priority,
  TaskEvent,
  TaskStatus,
  Webhook,
  WebhookEvent,
} from '@kyros/sdk';

const client = new KyrosClient({ apiKey: 'a', baseURL: 'b', timeout: 1, maxRetries: 0, mode: 'test', agent: {} });
const version: string = VERSION;
const { signal } = new AbortController();

const snake: NewTask = { title: 'a', assignee_role: 'critic', acceptance_criteria: ['b'] };
const camel: NewTask = { title: 'a', assigneeRole: 'my-agent', acceptanceCriteria: ['b'], metadata: { any: 1 } };
const cosmic: Priority = 'cosmic';
const made: Task = await client.tasks.create(new Task({ ...snake, priority: cosmic }), { idempotencyKey: 'c', signal });
const batch: Task[] = await client.tasks.createBatch([made, snake, camel]);
const both: [string, string] = [made.assignee_role, made.assigneeRole];
const cost: number = batch[0]!.costUsd + made.cost_usd;
const status: TaskStatus = await client.tasks.getStatus(made.id);
const percentage: number = status.progress.percentage;
if (status.status === 'completed' || status.status === 'hibernating') console.log(made.result?.decision);
const tasks: Pages<Task> = client.tasks.list({ createdAfter: new Date(), assignee_role: 'critic', limit: 3, q: 'a' });
for await (const task of tasks) console.log(task.title, task.completedAt ?? task.completed_at);
for await (const page of tasks.pages()) {
  const one: Page<Task> = page;
  const cursor: string | null = one.nextCursor ?? one.next_cursor;
  console.log(cursor, one.length, one.hasMore, one.items, [...one]);
}
const done: Task = await client.tasks.wait(made.id, { onProgress: async (task) => task.progress.stage, timeout: 1 });
const events: AsyncGenerator<TaskEvent, void, undefined> = client.tasks.stream(made.id, { lastEventId: 3 });
const timeline: Pages<TaskEvent> = client.tasks.timeline(made.id, { limit: 3 });
await client.tasks.cancel(made.id);
await client.tasks.retry(made.id, { signal });

const context = new AgentContext({ repositoryState: 'main', recent_changes: ['a'], files: { a: 'b' }, mine: 1 });
const submission = await client.agents.submit('implementer', made.id, context);
const id: [string, string] = [submission.submissionId, submission.submission_id];
for await (const agent of client.agents.list()) console.log(agent.queueDepth, agent.capabilities.length);
await client.agents.register({ agentId: 'a', capabilities: ['b'] });

const escalation: Escalation = await client.escalations.submit({ task_id: made.id, reason: 'a', priority: 'high' });
await client.escalations.submit({ taskId: made.id, reason: 'a' });
const asked: [boolean, string | undefined] = [escalation.fourEyes, escalation.estimatedCostUsd?.toFixed(2)];
console.log(asked, escalation.figures[0]?.limit, escalation.on_timeout === 'reject', escalation.dueAt.length);
client.escalations.list({ taskId: made.id, status: 'requested' });
await client.escalations.get(escalation.id);
await client.escalations.approve(escalation.id, { comment: 'a' });
await client.escalations.reject(escalation.id);

const hook: Webhook = await client.webhooks.create({ url: 'a', events: ['task.*', 'task.new'], secret: null });
client.webhooks.list();
await client.webhooks.get(hook.id);
await client.webhooks.update(hook.id, { enabled: false });
await client.webhooks.rotateSecret(hook.id);
await client.webhooks.activateSecret(hook.id);
const delivery: Delivery = await client.webhooks.test(hook.id);
client.webhooks.listDeliveries(hook.id);
await client.webhooks.redeliver(hook.id, delivery.id);
const replayed: number = (await client.webhooks.replay(hook.id, { since: new Date() })).deliveries;
await client.webhooks.delete(hook.id);
const code: number | null | undefined = delivery.attempts[0]?.statusCode;

const health = await client.monitoring.getHealth();
console.log(health.maintenance?.enabled, health.overall_status, health.overallStatus, health.components.workers.critic.status);
const metrics = await client.monitoring.getMetrics({ period: '1d' });
console.log(metrics.from, metrics.to, metrics.mode);
const average: number = metrics.taskCompletionRate.average;
const costs: Costs = await client.monitoring.getCosts({ period: '7d' });
const money: string[] = [costs.totalCost.toFixed(2), costs.savings.vsPremiumOnly.toFixed(2)];
const limit: number = (costs.budget.task?.hard ?? 0) + (costs.budget.day?.spent ?? 0);
const tokens: number | undefined = costs.byRole.critic?.inputTokens;

const key: ApiKey = await client.apiKeys.create({ name: 'a', permissions: ['tasks:read'], expiresAt: new Date() });
client.apiKeys.list();
await client.apiKeys.get(key.id);
await client.apiKeys.update(key.id, { rate_limit: null, dayBudgetUsd: 2.5, remove: ['expires_at'] });
await client.apiKeys.rotate(key.id, { overlapSeconds: 3 });
await client.apiKeys.revoke(key.id);
client.close();

function told(error: unknown): unknown {
  if (error instanceof ValidationError) return error.fields.map((wrong) => wrong.message);
  if (error instanceof RateLimitError) return error.retryAfter?.toFixed(1);
  if (error instanceof APITimeoutError) return error.code;
  if (error instanceof WebhookVerificationError) return error.message;
  const others = [
    APIConnectionError, AuthenticationError, ConflictError, NotFoundError, PermissionDeniedError, ServerError,
  ];
  if (error instanceof KyrosError) return [error.reason, error.status, error.requestId, error.cause, others];
  return undefined;
}

function happened(event: WebhookEvent): string {
  switch (event.type) {
    case 'task.completed':
      return event.data.title + event.id + event.createdAt;
    case 'escalation.approved':
      return event.data.task_id + event.data.taskId;
    case 'test':
      return event.type;
    default:
      return event.id;
  }
}
const event = verifyWebhook('{}', new Headers(), process.env.SECRET, { tolerance: 1, now: 2, allowUntimed: true });
const handler = webhookHandler('secret', (event) => happened(event));

// @ts-expect-error - without a title
client.tasks.create({ priority: 'high' });
// @ts-expect-error - no id
client.tasks.get(1);
// @ts-expect-error - misspelt
made.titel;
// @ts-expect-error - misspelt
client.tasks.list({ createdafter: 'a' });
// @ts-expect-error - no text
client.tasks.list({ state: 1 });
// @ts-expect-error - options have one spelling
client.tasks.create({ title: 'a' }, { idempotency_key: 'b' });
// @ts-expect-error - in neither spelling
client.escalations.submit({ reason: 'a' });
// @ts-expect-error - no list of texts
client.tasks.create({ title: 'a', acceptanceCriteria: 'b' });
// @ts-expect-error - an option that is none
new KyrosClient({ baseUrl: 'a' });

export { average, both, code, cost, done, event, events, handler, id, limit, money, percentage, replayed, timeline, tokens };
export { told, version };
