// `client.monitoring`: how the deployment is, and what it spends.

import { Word } from './models/model';
import { Costs, Health, Metrics, metrics } from './models/monitoring';
import { CallOptions, Resource, as } from './resource';

export interface Over {
  period?: Word<'1h' | '6h' | '1d' | '7d' | '30d'> | null;
}

/** Health, metrics and costs. */
export class Monitoring extends Resource {
  /** How every component is; degraded throws nothing. */
  async getHealth(options: CallOptions = {}): Promise<Health> {
    return this._get(as(Health), '/monitoring/health', {}, options);
  }

  /** The figures of a period: `metrics.taskCompletionRate.average`. */
  async getMetrics(over: Over = {}, options: CallOptions = {}): Promise<Metrics> {
    return this._get(metrics, '/monitoring/metrics', over, options);
  }

  /** What was spent in a period, on what, and what was saved. */
  async getCosts(over: Over = {}, options: CallOptions = {}): Promise<Costs> {
    return this._get(as(Costs), '/monitoring/costs', over, options);
  }
}
