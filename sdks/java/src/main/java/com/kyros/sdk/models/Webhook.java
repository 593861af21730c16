package com.kyros.sdk.models;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** An endpoint that is told what happens. */
public final class Webhook extends Model {
    /** Read of the API's JSON. */
    public Webhook(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code whk_…}. */
    public String getId() {
        return text("id");
    }

    /** Where it is told. */
    public String getUrl() {
        return text("url");
    }

    /** Of what. */
    public List<String> getEvents() {
        return texts("events");
    }

    /** What it is for. */
    public String getDescription() {
        return text("description");
    }

    /** Whether it is told now. */
    public boolean isEnabled() {
        return flag("enabled");
    }

    /** Why it is not, or null. */
    public String getDisabledReason() {
        return text("disabled_reason");
    }

    /** The secret, where it was just made; else null. */
    public String getSecret() {
        return text("secret");
    }

    /** The same in the form that libraries for Standard Webhooks read, or null. */
    public String getStandardSecret() {
        return text("standard_secret");
    }

    /** When a new secret was made that does not sign alone yet, or null. */
    public Instant getSecretPendingSince() {
        return moment("secret_pending_since");
    }

    /** {@code test} or {@code live}. */
    public String getMode() {
        return text("mode");
    }

    /** Who made it: a key's, a user's or an application's id. */
    public String getCreatedBy() {
        return text("created_by");
    }

    /** When it was made. */
    public Instant getCreatedAt() {
        return moment("created_at");
    }

    /** When it changed last. */
    public Instant getUpdatedAt() {
        return moment("updated_at");
    }

    /** Makes a webhook to be created, or the changes of one. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** Where it is told. */
        public Builder url(String url) {
            return set("url", url);
        }

        /** One event more, such as {@code task.completed}, {@code task.*} or {@code *}. */
        public Builder addEvent(String event) {
            fields.add("events", event);
            return this;
        }

        /** All events. */
        public Builder events(List<String> events) {
            return set("events", events);
        }

        /** A secret of yours; the API makes one when it is not given. For create alone. */
        public Builder secret(String secret) {
            return set("secret", secret);
        }

        /** What it is for. */
        public Builder description(String description) {
            return set("description", description);
        }

        /** Whether it is told now; enabling it sends what was held. */
        public Builder enabled(boolean enabled) {
            return set("enabled", enabled);
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The webhook. Throws IllegalArgumentException for what JSON can't say. */
        public Webhook build() {
            return new Webhook(fields.all());
        }
    }
}
