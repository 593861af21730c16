package com.kyros.sdk;

import com.kyros.sdk.internal.Json;
import com.kyros.sdk.models.CostAnalysis;
import com.kyros.sdk.models.Health;
import com.kyros.sdk.models.Metrics;
import java.util.Map;

/** {@code client.monitoring()}: how the deployment is, and what it spends. */
public final class Monitoring extends Resource {
    Monitoring(Api api) {
        super(api);
    }

    /** How every component is; degraded throws nothing. */
    public Health getHealth() {
        return get("/monitoring/health", Health::new);
    }

    /** The figures of the API's default period. */
    public Metrics getMetrics() {
        return metrics(Map.of());
    }

    /** The figures of a period: {@code metrics.getTaskCompletionRate().getAverage()}. */
    public Metrics getMetrics(CostAnalysis.Period period) {
        return metrics(Map.of("period", period));
    }

    /** What was spent in the API's default period. */
    public CostAnalysis getCosts() {
        return get("/monitoring/costs", CostAnalysis::new);
    }

    /** What was spent in a period, on what, and what was saved. */
    public CostAnalysis getCosts(CostAnalysis.Period period) {
        return get(Address.withQuery("/monitoring/costs", Map.of("period", period)), CostAnalysis::new);
    }

    private Metrics metrics(Map<String, ?> query) {
        return get(Address.withQuery("/monitoring/metrics", query), data -> {
            Json.object(data.get("metrics"));
            return new Metrics(data);
        });
    }
}
