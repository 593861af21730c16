// What can go wrong, by what the caller can do about it; one sentence each, safe to print.

/** A field of the request that the API refused, and why. */
export interface WrongField {
  field: string;
  message: string;
}

/** @internal */
export interface Known {
  status?: number | undefined;
  code?: string | undefined;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
  fields?: WrongField[] | undefined;
  cause?: unknown;
}

/** The API refused, or could not be asked. */
export class KyrosError extends Error {
  /** What to do about it, told after the API's own sentence. @internal */
  static readonly advice: string = '';
  /** What is wrong in one sentence: the API's own, where it answered. `message` has more after it. */
  readonly reason: string;
  /** The answer's HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** A stable word. */
  readonly code: string | undefined;
  /** What finds the request in the logs. */
  readonly requestId: string | undefined;
  /** The seconds after which the API said to ask again. */
  readonly retryAfter: number | undefined;
  /** What broke, where the error was not the API's answer. */
  declare readonly cause: unknown;

  /** @internal */
  constructor(message: string, known: Known = {}) {
    super(sentence(message, new.target.advice, known));
    this.reason = message;
    this.status = known.status;
    this.code = known.code;
    this.requestId = known.requestId;
    this.retryAfter = known.retryAfter;
    if (known.cause !== undefined) {
      // As `new Error(message, { cause })` has it, which is newer than Node 16.0.
      Object.defineProperty(this, 'cause', { value: known.cause, configurable: true });
    }
  }
}

/** 401: the API key is missing, unknown, expired or revoked. */
export class AuthenticationError extends KyrosError {
  /** @internal */
  static override readonly advice = 'Check the API key (apiKey, or KYROS_API_KEY).';
}

/** 403: the API key is good, but lacks the permission that the message names. */
export class PermissionDeniedError extends KyrosError {
  /** @internal */
  static override readonly advice =
    'Use a key that has the permission; an admin can make one.';
}

/** 404: it does not exist, or not in the key's mode (test or live). */
export class NotFoundError extends KyrosError {}

/** 409: not in the state that it is in, or the Idempotency-Key was used for another body. */
export class ConflictError extends KyrosError {}

/** 422, or another 4xx: what was sent must change. */
export class ValidationError extends KyrosError {
  /** Every wrong field. */
  readonly fields: WrongField[];

  /** @internal */
  constructor(message: string, known: Known = {}) {
    super(message, known);
    this.fields = known.fields ?? [];
  }
}

/** 429: too many requests; `retryAfter` says when to ask again. */
export class RateLimitError extends KyrosError {
  /** @internal */
  static override readonly advice = 'Ask less often, or again after retryAfter seconds.';
}

/** 5xx, or an answer that is not the API's at all (code `unreadable_answer`). */
export class ServerError extends KyrosError {}

/** No answer came, or only a part of it. */
export class APIConnectionError extends KyrosError {
  /** @internal */
  static override readonly advice: string =
    'Check baseURL (or KYROS_API_URL), and that Kyros runs there.';
}

/** No answer came in time; from `wait`, the task was not final in time. */
export class APITimeoutError extends APIConnectionError {
  /** @internal */
  static override readonly advice = '';
}

function sentence(message: string, advice: string, known: Known): string {
  const facts = [known.status && `HTTP ${known.status}`, known.code, known.requestId];
  const told = facts.filter(Boolean).join(', ');
  const lines = (known.fields ?? []).map((wrong) => `\n  ${wrong.field}: ${wrong.message}`);
  return [message, advice, told && `[${told}]`].filter(Boolean).join(' ') + lines.join('');
}

const all = {
  KyrosError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  APIConnectionError,
  APITimeoutError,
};
for (const [name, error] of Object.entries(all)) {
  // On the prototypes, as the errors of the language have it; a minifier would change class names.
  Object.defineProperty(error.prototype, 'name', { value: name, configurable: true, writable: true });
}
