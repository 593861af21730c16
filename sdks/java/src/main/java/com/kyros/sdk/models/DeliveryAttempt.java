package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** One try to deliver, and what was answered. */
public final class DeliveryAttempt extends Model {
    /** Read of the API's JSON. */
    public DeliveryAttempt(Map<String, ?> json) {
        super(json);
    }

    /** Counted from 1. */
    public Long getNumber() {
        return integer("number");
    }

    /** When. */
    public Instant getAt() {
        return moment("at");
    }

    /** How long it took. */
    public Double getDurationSeconds() {
        return number("duration_seconds");
    }

    /** What was sent. */
    public Map<String, Object> getHeaders() {
        return map("headers");
    }

    /** What was answered, or null. */
    public Long getStatusCode() {
        return integer("status_code");
    }

    /** The beginning of the answer, or null. */
    public String getAnswer() {
        return text("answer");
    }

    /** What went wrong, or null. */
    public String getError() {
        return text("error");
    }
}
