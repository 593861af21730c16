package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** How a task stands. */
public final class TaskStatus extends Model {
    /** Read of the API's JSON. */
    public TaskStatus(Map<String, ?> json) {
        super(json);
    }

    /** The task's id. */
    public String getId() {
        return text("id");
    }

    /** How it stands. */
    public Status getStatus() {
        return word("status", Status::of);
    }

    /** How far it is. */
    public Progress getProgress() {
        return one("progress", Progress::new);
    }

    /** When it changed last. */
    public Instant getUpdatedAt() {
        return moment("updated_at");
    }

    /** How a task stands, in four words. */
    public static final class Status extends Word {
        /** The word {@code pending}. */
        public static final Status PENDING = new Status("pending");
        /** The word {@code in_progress}. */
        public static final Status IN_PROGRESS = new Status("in_progress");
        /** The word {@code completed}. */
        public static final Status COMPLETED = new Status("completed");
        /** The word {@code failed}. */
        public static final Status FAILED = new Status("failed");

        private static final Map<String, Status> KNOWN = known(PENDING, IN_PROGRESS, COMPLETED, FAILED);

        private Status(String word) {
            super(word);
        }

        /** The constant for a word, or a new word. */
        public static Status of(String word) {
            Status known = KNOWN.get(word);
            return known == null ? new Status(word) : known;
        }
    }
}
