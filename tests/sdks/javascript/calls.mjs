// How the calls of the cases (tests/vectors/README.md) are written in JavaScript.
import { kyros } from './package.mjs';

const CALLS = {
  'tasks.create': ({ task, ...options }) => [task, options],
  'tasks.create_batch': ({ tasks, ...options }) => [tasks, options],
  'tasks.list': (filters) => [filters],
  'agents.submit': ({ role, task_id, context, ...options }) => [role, task_id, context, options],
  'agents.list': (filters) => [filters],
  'agents.register': (agent) => [agent],
  'escalations.submit': given,
  'escalations.list': (filters) => [filters],
  'webhooks.create': given,
  'webhooks.list': (filters) => [filters],
  'webhooks.redeliver': ({ webhook_id, delivery_id }) => [webhook_id, delivery_id],
  'monitoring.get_health': () => [],
  'monitoring.get_metrics': (over) => [over],
  'monitoring.get_costs': (over) => [over],
  'api_keys.create': given,
  'api_keys.list': (filters) => [filters],
};

function given({ idempotency_key, ...fields }) {
  return [fields, idempotency_key === undefined ? {} : { idempotency_key }];
}

/** All others: an id, then what goes with it. */
function about({ task_id, escalation_id, webhook_id, key_id, ...rest }) {
  return [task_id ?? escalation_id ?? webhook_id ?? key_id, rest];
}

export const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

const OPTIONS = ['idempotency_key', 'last_event_id', 'on_progress'];
const SPELLINGS = {
  // As typed objects, in the guide's spelling, and in the language's own.
  typed: (name, value) => typed(name, value),
  plain: (_, value) => value,
  camel: (name, value) => camelled(value),
};

function typed(name, value) {
  if (name === 'task') return new kyros.Task(value);
  if (name === 'tasks') return value.map((task) => new kyros.Task(task));
  return name === 'context' ? new kyros.AgentContext(value) : value;
}

function camelled(value) {
  if (Array.isArray(value)) return value.map(camelled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [camel(name), each]));
}

/** Whether a call has fields that are spelled differently. */
export function ways(call) {
  const { task, tasks, context } = call.arguments;
  return task || tasks || context ? ['typed', 'plain', 'camel'] : ['plain', 'camel'];
}

/** Makes the call; gives what it gives: a promise, or something to iterate. */
export function make(client, call, way, onProgress) {
  const given = { ...call.arguments };
  if (given.timeout !== undefined) given.timeout *= 1000;
  if (call.on_progress) given.on_progress = onProgress;
  for (const [name, value] of Object.entries(given)) {
    if (['task', 'tasks', 'context'].includes(name)) given[name] = SPELLINGS[way](name, value);
  }
  const [resource, name] = call.method.split('.').map(camel);
  const inJavaScript = (CALLS[call.method] ?? about)(given).map((argument) => spelled(argument, way));
  return client[resource][name](...inJavaScript);
}

/** Options have one spelling only, fields both. */
function spelled(argument, way) {
  const isPlain = argument && Object.getPrototypeOf(argument) === Object.prototype;
  if (!isPlain) return argument;
  const isCamel = (name) => way === 'camel' || OPTIONS.includes(name);
  return Object.fromEntries(
    Object.entries(argument).map(([name, value]) => [isCamel(name) ? camel(name) : name, value]),
  );
}
