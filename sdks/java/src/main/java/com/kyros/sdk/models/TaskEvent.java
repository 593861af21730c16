package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** Something that happened to a task. */
public final class TaskEvent extends Model {
    /** Read of the API's JSON. */
    public TaskEvent(Map<String, ?> json) {
        super(json);
    }

    /** Its place among the task's events, from 1; resumes a stream. */
    public Long getSeq() {
        return integer("seq");
    }

    /** The id, {@code evt_…}. */
    public String getId() {
        return text("id");
    }

    /** What happened, such as {@code task.started}. */
    public String getType() {
        return text("type");
    }

    /** When it happened. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** What is told of it. */
    public Map<String, Object> getData() {
        return map("data");
    }
}
