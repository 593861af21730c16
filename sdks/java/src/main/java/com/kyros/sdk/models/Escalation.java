package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A request for the premium tier, and what came of it. */
public final class Escalation extends Model {
    /** Read of the API's JSON, such as a webhook's data. */
    public Escalation(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code esc_…}. */
    public String getId() {
        return text("id");
    }

    /** The task's id. */
    public String getTaskId() {
        return text("task_id");
    }

    /** How it stands. */
    public Status getStatus() {
        return word("status", Status::of);
    }

    /** The role that is to go on. */
    public String getRole() {
        return text("role");
    }

    /** The tier that is asked for. */
    public String getTier() {
        return text("tier");
    }

    /** Why. */
    public String getReason() {
        return text("reason");
    }

    /** Which rule asked; null when a person did. */
    public String getRule() {
        return text("rule");
    }

    /** What the rule compared. */
    public List<Map<String, Object>> getFigures() {
        return all("figures", Function.identity());
    }

    /** How urgent it is. */
    public Task.Priority getPriority() {
        return word("priority", Task.Priority::of);
    }

    /** Who asked. */
    public String getRequestedBy() {
        return text("requested_by");
    }

    /** Who decided; null before. */
    public String getDecidedBy() {
        return text("decided_by");
    }

    /** What was said to the decision, or null. */
    public String getComment() {
        return text("comment");
    }

    /** Whether who asked may not approve it. */
    public boolean isFourEyes() {
        return flag("four_eyes");
    }

    /** The most that its first call may cost, in USD; null where no price is known. */
    public BigDecimal getEstimatedCostUsd() {
        return money("estimated_cost_usd");
    }

    /** {@code test} or {@code live}. */
    public String getMode() {
        return text("mode");
    }

    /** What it is decided to be by itself: {@code reject} or {@code accept_best}. */
    public String getOnTimeout() {
        return text("on_timeout");
    }

    /** When it is decided by itself. */
    public Instant getDueAt() {
        return moment("due_at");
    }

    /** When it was made. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** When it was decided, or null. */
    public Instant getDecidedAt() {
        return moment("decided_at");
    }

    /** When the premium pass ended, or null. */
    public Instant getCompletedAt() {
        return moment("completed_at");
    }

    /** How a request stands. */
    public static final class Status extends Word {
        /** The word {@code requested}. */
        public static final Status REQUESTED = new Status("requested");
        /** The word {@code approved}. */
        public static final Status APPROVED = new Status("approved");
        /** The word {@code rejected}. */
        public static final Status REJECTED = new Status("rejected");
        /** The word {@code completed}. */
        public static final Status COMPLETED = new Status("completed");

        private static final Map<String, Status> KNOWN = known(REQUESTED, APPROVED, REJECTED, COMPLETED);

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
