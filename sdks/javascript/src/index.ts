// The JavaScript SDK of Kyros.

export { KyrosClient } from './client';
export {
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  ConflictError,
  KyrosError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  ValidationError,
} from './errors';
export { AgentContext, Task } from './models/tasks';
export { VERSION } from './version';
export { webhookHandler } from './webhook-handler';
export { WebhookVerificationError, verifyWebhook } from './webhooks';

export type { Agents, NewAgent } from './agents';
export type { ApiKeyChanges, ApiKeys, NewApiKey, Rotation } from './api-keys';
export type { ClientOptions } from './client';
export type { WrongField } from './errors';
export type { Decision, EscalationFilters, Escalations, NewEscalation } from './escalations';
export type {
  ApiKey,
  Delivery,
  DeliveryAttempt,
  EscalationEventType,
  EventPattern,
  Permission,
  Replay,
  SystemEventType,
  TaskEventType,
  Webhook,
} from './models/access';
export type { Json, Tree, Word } from './models/model';
export type {
  Budget,
  CostStep,
  CostSum,
  Costs,
  Health,
  Maintenance,
  Metric,
  MetricPoint,
  Metrics,
  Savings,
  TaskCosts,
} from './models/monitoring';
export type {
  Agent,
  AgentSubmission,
  Complexity,
  Escalation,
  Mode,
  NewContext,
  NewTask,
  Priority,
  Progress,
  Role,
  State,
  Status,
  TaskEvent,
  TaskStatus,
  TaskType,
  Tier,
} from './models/tasks';
export type { Monitoring, Over } from './monitoring';
export type { Page, Pages } from './pages';
export type { CallOptions, ListFields, Moment, PostOptions } from './resource';
export type { StreamOptions, TaskFilters, Tasks, WaitOptions } from './tasks';
export type { NewWebhook, WebhookChanges, WebhookEndpoints } from './webhook-endpoints';
export type { WebhookRequest, WebhookResponse } from './webhook-handler';
export type { VerifyOptions, WebhookEvent, WebhookHeaders } from './webhooks';
