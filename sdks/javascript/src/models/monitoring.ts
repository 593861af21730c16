// How the deployment is, and what it spends. Money is in USD.

import { Read } from '../spelling';
import { Tree, Word, byName, dressed, each, isObject, one } from './model';
import { Mode } from './tasks';

/** Whether workers may start anything new. */
export interface Maintenance extends Read<{ enabled: boolean; message: string | null }> {}
export class Maintenance {}

/** How the deployment is. */
export interface Health
  extends Read<{
    overall_status: Word<'healthy' | 'degraded' | 'unhealthy'>;
    components: Tree;
    /** Null while the database is away. */
    maintenance: Maintenance | null;
    version: string;
    uptime_seconds: number;
    test_mode: boolean;
  }> {}
export class Health {
  /** @internal */
  static readonly reads = { components: Tree.grow, maintenance: one(Maintenance) };
}

/** A figure in one step of the period, from `at` on. */
export interface MetricPoint extends Read<{ at: string; value: number; samples: number }> {}
export class MetricPoint {}

/** A figure over a period: rates in percent, times in seconds; 0 without `samples`. */
export interface Metric
  extends Read<{
    average: number;
    current: number;
    minimum: number;
    maximum: number;
    samples: number;
    series: MetricPoint[];
  }> {}
export class Metric {
  /** @internal */
  static readonly reads = { series: each(MetricPoint) };
}

/** The figures by name; those that are newer than this package are there, too. */
export interface Metrics
  extends Read<{
    period: string;
    from: string;
    to: string;
    mode: Mode;
    task_completion_rate: Metric;
    average_response_time: Metric;
    escalation_rate: Metric;
    queue_depth: Metric;
    webhook_success_rate: Metric;
    webhook_delivery_rate: Metric;
    model_error_rate: Metric;
    average_model_latency: Metric;
  }> {}
export class Metrics {}

/** The figures of `metrics`, beside what is told of them. */
export function metrics(data: any): Metrics {
  const { metrics: figures, ...beside } = data;
  if (!isObject(figures)) {
    throw new TypeError('Metrics are an object.');
  }
  return dressed(Metrics, { ...beside, ...(byName(Metric)(figures) as object) });
}

/** What was spent on something. */
export interface CostSum
  extends Read<{ cost: number; calls: number; input_tokens: number; output_tokens: number }> {}
export class CostSum {}

/** An estimate of what premium models alone would have cost more; it can be negative. */
export interface Savings
  extends Read<{
    vs_premium_only: number;
    percentage: number;
    premium_only_cost: number;
    /** Accepted answers whose premium price is not known; they count as saving nothing. */
    not_compared_answers: number;
    estimate: boolean;
  }> {}
export class Savings {}

/** Limits, those that are set; of a day's also what of it is spent. */
export interface Budget
  extends Read<{ soft?: number; hard?: number; spent?: number; day?: string }> {}
export class Budget {}

/** What was spent in one step of the period, from `at` on. */
export interface CostStep extends Read<{ at: string; cost: number; calls: number }> {}
export class CostStep {}

interface CostSums {
  mode: Mode;
  currency: string;
  total_cost: number;
  calls: number;
  /** Calls whose price is not known; they are in no sum. */
  unpriced_calls: number;
  estimated_calls: number;
  estimated_cost: number;
  by_model: Record<string, CostSum>;
  by_role: Record<string, CostSum>;
  by_tier: Record<string, CostSum>;
  savings: Savings;
}
const sums = {
  by_model: byName(CostSum),
  by_role: byName(CostSum),
  by_tier: byName(CostSum),
  savings: one(Savings),
};

/** What was spent over a period, in the key's mode. */
export interface Costs
  extends Read<
    CostSums & {
      period: string;
      from: string;
      to: string;
      series: CostStep[];
      /** `day`, `key_day` and `task`, where there are such limits. */
      budget: Record<string, Budget>;
    }
  > {}
export class Costs {
  /** @internal */
  static readonly reads = { ...sums, series: each(CostStep), budget: byName(Budget) };
}

/** What was spent on one task, over all its runs. */
export interface TaskCosts extends Read<CostSums & { task_id: string }> {}
export class TaskCosts {
  /** @internal */
  static readonly reads = sums;
}
