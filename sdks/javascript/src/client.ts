import * as address from './address';
import { Agents } from './agents';
import { Api } from './api';
import { ApiKeys } from './api-keys';
import { Escalations } from './escalations';
import { Monitoring } from './monitoring';
import { only } from './spelling';
import { Tasks } from './tasks';
import { LONGEST_MS, Transport } from './transport';
import { WebhookEndpoints } from './webhook-endpoints';

const TIMEOUT_MS = 30_000;
const RETRIES = 4;

export interface ClientOptions {
  /** Default: `KYROS_API_KEY`. */
  apiKey?: string | undefined;
  /** With or without `/v1`. Default: `KYROS_API_URL`, else this machine's own stack. */
  baseURL?: string | undefined;
  /**
   * Milliseconds that one try waits for an answer, once it has a connection, and then for each part
   * of it: 30,000.
   */
  timeout?: number | undefined;
  /** How often a request is sent again after what passes (429, 5xx, a broken connection): 4. */
  maxRetries?: number | undefined;
  /** For JWTs and OAuth2 tokens, which are live by default; a key has its own mode. */
  mode?: 'live' | 'test' | undefined;
  /**
   * An `http.Agent` or `https.Agent` of yours: for a proxy, or certificates of your own. It is not
   * closed with the client.
   */
  agent?: object | undefined;
}

/**
 * A client of one API with one key, which a whole program may share.
 *
 *     const client = new KyrosClient({ apiKey: '…', baseURL: 'https://kyros.example.com' });
 *
 * Throws TypeError for an address, a key, a timeout, a number of retries or a mode that is none. Every call
 * rejects with a KyrosError.
 */
export class KyrosClient {
  readonly tasks: Tasks;
  readonly agents: Agents;
  readonly escalations: Escalations;
  readonly webhooks: WebhookEndpoints;
  readonly monitoring: Monitoring;
  readonly apiKeys: ApiKeys;
  /** @internal */
  readonly _api!: Api;

  constructor(options: ClientOptions = {}) {
    only(['apiKey', 'baseURL', 'timeout', 'maxRetries', 'mode', 'agent'], options);
    const { timeout = TIMEOUT_MS, maxRetries = RETRIES, mode } = options;
    if (typeof timeout !== 'number' || !(timeout > 0 && timeout <= LONGEST_MS)) {
      throw new TypeError(`timeout must be milliseconds above 0, at most ${LONGEST_MS}.`);
    }
    if (!Number.isInteger(maxRetries) || maxRetries < 0) {
      throw new TypeError('maxRetries must be a whole number, 0 or more.');
    }
    if (![undefined, 'live', 'test'].includes(mode)) {
      throw new TypeError('mode must be live or test.');
    }
    const url = address.baseURL(options.baseURL);
    const key = address.apiKey(options.apiKey);
    const transport = new Transport(url, options.agent);
    const api = new Api(transport, url.origin, key, timeout, maxRetries, mode);
    this.tasks = new Tasks(api);
    this.agents = new Agents(api);
    this.escalations = new Escalations(api);
    this.webhooks = new WebhookEndpoints(api);
    this.monitoring = new Monitoring(api);
    this.apiKeys = new ApiKeys(api);
    Object.defineProperty(this, '_api', { value: api });
  }

  /**
   * Closes the client's connections, not those of an `agent` of yours; nothing is sent any more, and
   * further calls reject with a KyrosError (code `closed`). Idle connections never keep a program
   * running.
   */
  close(): void {
    this._api.transport.close();
  }
}
