package com.kyros.sdk.models;

import java.util.Map;

/** Which escalations a list holds: those for which all that is given is true. */
public final class EscalationFilter extends Model {
    /** The filters, by the API's names. */
    public EscalationFilter(Map<String, ?> json) {
        super(json);
    }

    /** Makes a filter. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** How they stand. */
        public Builder status(Escalation.Status status) {
            return set("status", status);
        }

        /** Those of a task. */
        public Builder taskId(String taskId) {
            return set("task_id", taskId);
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The filter. Throws IllegalArgumentException for what JSON can't say. */
        public EscalationFilter build() {
            return new EscalationFilter(fields.all());
        }
    }
}
