package com.kyros.sdk.models;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** One event on its way to one webhook. */
public final class Delivery extends Model {
    /** Read of the API's JSON. */
    public Delivery(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code dlv_…}. */
    public String getId() {
        return text("id");
    }

    /** The webhook's id. */
    public String getWebhookId() {
        return text("webhook_id");
    }

    /** The event's id. */
    public String getEventId() {
        return text("event_id");
    }

    /** What happened. */
    public String getEventType() {
        return text("event_type");
    }

    /** The task's id, or null. */
    public String getTaskId() {
        return text("task_id");
    }

    /** How it stands, such as {@code delivered} or {@code retrying}. */
    public String getStatus() {
        return text("status");
    }

    /** The bytes that are sent, as text. */
    public String getBody() {
        return text("body");
    }

    /** Every try so far. */
    public List<DeliveryAttempt> getAttempts() {
        return all("attempts", DeliveryAttempt::new);
    }

    /** When it is tried again, or null. */
    public Instant getNextAttemptAt() {
        return moment("next_attempt_at");
    }

    /** When it was made. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** When it was taken, or null. */
    public Instant getDeliveredAt() {
        return moment("delivered_at");
    }
}
