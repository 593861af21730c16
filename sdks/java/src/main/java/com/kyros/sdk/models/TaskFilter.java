package com.kyros.sdk.models;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Map;

/** Which tasks a list holds: those for which all that is given is true. */
public final class TaskFilter extends Model {
    /** The filters, by the API's names. */
    public TaskFilter(Map<String, ?> json) {
        super(json);
    }

    /** Makes a filter. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** In four words. */
        public Builder status(TaskStatus.Status status) {
            return set("status", status);
        }

        /** Precisely. */
        public Builder state(Task.State state) {
            return set("state", state);
        }

        /** The kind of work. */
        public Builder type(Task.Type type) {
            return set("type", type);
        }

        /** How urgent. */
        public Builder priority(Task.Priority priority) {
            return set("priority", priority);
        }

        /** The role. */
        public Builder assigneeRole(String role) {
            return set("assignee_role", role);
        }

        /** Made after a moment. */
        public Builder createdAfter(Instant moment) {
            return set("created_after", moment);
        }

        /** Made after a moment. */
        public Builder createdAfter(OffsetDateTime moment) {
            return set("created_after", moment);
        }

        /** Made before a moment. */
        public Builder createdBefore(Instant moment) {
            return set("created_before", moment);
        }

        /** Made before a moment. */
        public Builder createdBefore(OffsetDateTime moment) {
            return set("created_before", moment);
        }

        /** These words in the title or the description. */
        public Builder words(String words) {
            return set("q", words);
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The filter. Throws IllegalArgumentException for what JSON can't say. */
        public TaskFilter build() {
            return new TaskFilter(fields.all());
        }
    }
}
