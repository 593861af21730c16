// Receives webhooks in Express, or in a server of `node:http` alone.

import {
  VerifyOptions,
  WebhookEvent,
  WebhookVerificationError,
  signingSecret,
  verifyWebhook,
} from './webhooks';

/** Ten times what Kyros sends at most. */
const MOST_BYTES = 1_000_000;

/** What is needed of a request of Express or `node:http`. */
export interface WebhookRequest extends AsyncIterable<any> {
  headers: Record<string, string | string[] | undefined>;
  readableEnded: boolean;
  body?: any;
  rawBody?: any;
}

/** What is needed of their response. */
export interface WebhookResponse {
  statusCode: number;
  writableEnded: boolean;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/**
 * A handler of requests that verifies each, hands its event to `handle`, and answers.
 *
 *     app.post('/webhooks/kyros', webhookHandler(secret, async (event) => { … }));
 *
 * What is not signed rightly is answered with 401. Where `handle` throws or rejects, `next` is told,
 * and without one the answer is 500: Kyros sends the event again.
 *
 * It reads the body itself, or takes what `express.raw()` or `express.json()` left. Throws TypeError
 * where there is no secret.
 */
export function webhookHandler(
  secret: string | undefined,
  handle: (event: WebhookEvent) => unknown,
  options: VerifyOptions = {},
): (
  request: WebhookRequest,
  response: WebhookResponse,
  next?: (error?: any) => unknown,
) => Promise<void> {
  const key = signingSecret(secret);
  return async (request, response, next) => {
    try {
      await handle(verifyWebhook(await bodyOf(request), request.headers, key, options));
      answer(response, 200, { status: 'received' });
    } catch (error) {
      if (error instanceof WebhookVerificationError) {
        answer(response, 401, { error: error.message });
      } else if (next) {
        next(error);
      } else {
        console.error(error);
        answer(response, 500, { error: 'The event could not be handled.' });
      }
    }
  };
}

async function bodyOf(request: WebhookRequest): Promise<Uint8Array | string> {
  for (const body of [request.rawBody, request.body]) {
    if (body instanceof Uint8Array || typeof body === 'string') {
      return body;
    }
  }
  // A parser has read it: Kyros sends the bytes that JSON.stringify makes of what it parsed.
  return request.readableEnded ? JSON.stringify(request.body ?? null) : received(request);
}

async function received(request: WebhookRequest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES) {
      // Leaving the loop breaks the connection off.
      throw new WebhookVerificationError(`The body is larger than ${MOST_BYTES} bytes.`);
    }
  }
  return Buffer.concat(chunks);
}

function answer(response: WebhookResponse, status: number, body: object): void {
  if (!response.writableEnded) {
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(body));
  }
}
