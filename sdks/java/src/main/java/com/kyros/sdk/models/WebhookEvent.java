package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** What a webhook was told. */
public final class WebhookEvent extends Model {
    /** Read of the API's JSON. */
    public WebhookEvent(Map<String, ?> json) {
        super(json);
    }

    /** The id, the same at every delivery; null in a test. */
    public String getId() {
        return text("id");
    }

    /** What happened, such as {@code task.completed}. */
    public String getType() {
        return text("type");
    }

    /** When it happened. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** The task, the escalation or the system object: {@code new Task(event.getData())}. */
    public Map<String, Object> getData() {
        return map("data");
    }
}
