package com.kyros.sdk.models;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** The figures of a period, by name. */
public final class Metrics extends Model {
    /** Read of the API's JSON, with its metrics beside what is told of them. */
    public Metrics(Map<String, ?> json) {
        super(flat(json));
    }

    /** The figure of that name, also one that is newer than this SDK; null where there is none. */
    public Metric getMetric(String name) {
        return one(name, Metric::new);
    }

    /** The period. */
    public String getPeriod() {
        return text("period");
    }

    /** Where it begins. */
    public Instant getFrom() {
        return moment("from");
    }

    /** Where it ends. */
    public Instant getTo() {
        return moment("to");
    }

    /** {@code test} or {@code live}. */
    public String getMode() {
        return text("mode");
    }

    /** Completed of completed and failed, in percent. */
    public Metric getTaskCompletionRate() {
        return one("task_completion_rate", Metric::new);
    }

    /** From creation to the end, in seconds. */
    public Metric getAverageResponseTime() {
        return one("average_response_time", Metric::new);
    }

    /** Tasks that went to the premium tier, in percent. */
    public Metric getEscalationRate() {
        return one("escalation_rate", Metric::new);
    }

    /** How many submissions wait. */
    public Metric getQueueDepth() {
        return one("queue_depth", Metric::new);
    }

    /** Tries to deliver that were taken, in percent. */
    public Metric getWebhookSuccessRate() {
        return one("webhook_success_rate", Metric::new);
    }

    /** Deliveries that were taken in the end, in percent. */
    public Metric getWebhookDeliveryRate() {
        return one("webhook_delivery_rate", Metric::new);
    }

    /** Calls of models that failed, in percent. */
    public Metric getModelErrorRate() {
        return one("model_error_rate", Metric::new);
    }

    /** How long calls of models took, in seconds. */
    public Metric getAverageModelLatency() {
        return one("average_model_latency", Metric::new);
    }

    private static Map<String, Object> flat(Map<String, ?> json) {
        Map<String, Object> fields = new LinkedHashMap<>(json);
        Object metrics = fields.remove("metrics");
        if (metrics instanceof Map) {
            ((Map<?, ?>) metrics).forEach((name, metric) -> fields.put((String) name, metric));
        }
        return fields;
    }
}
