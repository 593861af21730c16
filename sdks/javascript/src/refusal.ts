// What an answer means: its data, or the error that it tells.

import { TextDecoder } from 'node:util';
import {
  AuthenticationError,
  ConflictError,
  Known,
  KyrosError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  ValidationError,
  WrongField,
} from './errors';
import { Json, isObject } from './models/model';
import { retryAfter } from './retry';

/** An answer as it came, from the address `origin`. */
export interface Answer {
  origin: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

const CLASSES: Record<number, new (message: string, known: Known) => KyrosError> = {
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  429: RateLimitError,
};

/** What `reads` makes of the answer's `data`; throws the error that the answer is instead. */
export function checked<T>(answer: Answer, reads: (data: unknown) => T): T {
  if (answer.status >= 300) {
    throw refused(answer);
  }
  try {
    return reads(parsed(answer.body).data);
  } catch (error) {
    throw unreadable(answer, error);
  }
}

/** The error that an answer tells. */
export function refused(answer: Answer): KyrosError {
  let told: Json;
  try {
    told = parsed(answer.body);
  } catch (error) {
    return unreadable(answer, error);
  }
  const { error: message, code } = told;
  if (answer.status < 400 || typeof message !== 'string' || typeof code !== 'string') {
    return unreadable(answer);
  }
  return made(answer, message, { code, fields: fields(told), requestId: told.request_id });
}

/** The error for an answer that is not the API's. */
export function unreadable(answer: Answer, cause?: unknown): KyrosError {
  const kind = header(answer, 'content-type') ?? 'no content type';
  const moved = header(answer, 'location');
  const message =
    `What answered at ${answer.origin} is not the Kyros API (${kind}). ` +
    'Check baseURL (or KYROS_API_URL).' +
    (moved ? ` It redirects to ${moved}, which is not followed: the key would go along.` : '');
  return made(answer, message, { code: 'unreadable_answer', cause });
}

function made(answer: Answer, message: string, told: Known): KyrosError {
  const known = {
    ...told,
    status: answer.status,
    requestId:
      typeof told.requestId === 'string' ? told.requestId : header(answer, 'x-request-id'),
    retryAfter: retryAfter(header(answer, 'retry-after') ?? '', Date.now()),
  };
  const found = CLASSES[answer.status];
  if (found) {
    return new found(message, known);
  }
  const wrong = answer.status >= 400 && answer.status < 500;
  return wrong ? new ValidationError(message, known) : new ServerError(message, known);
}

/** The JSON object in an answer's bytes. Throws what is wrong with them. */
function parsed(body: Buffer): Json {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  if (!isObject(value)) {
    throw new TypeError('An object was expected.');
  }
  return value;
}

function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function fields(told: Json): WrongField[] {
  const details: unknown[] = Array.isArray(told.details) ? told.details : [];
  return details
    .filter(isObject)
    .map((wrong) => ({ field: String(wrong.field), message: String(wrong.message) }));
}
