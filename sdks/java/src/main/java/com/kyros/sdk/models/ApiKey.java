package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** An API key's record. */
public final class ApiKey extends Model {
    /** Read of the API's JSON. */
    public ApiKey(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code key_…}. */
    public String getId() {
        return text("id");
    }

    /** What it is called. */
    public String getName() {
        return text("name");
    }

    /** How it begins. */
    public String getPrefix() {
        return text("prefix");
    }

    /** The key itself, where it was just made; else null. */
    public String getKey() {
        return text("key");
    }

    /** What it may do. */
    public List<String> getPermissions() {
        return texts("permissions");
    }

    /** How many requests it may make in a minute; null for the default. */
    public Long getRateLimit() {
        return integer("rate_limit");
    }

    /** How much it may spend in a day, in USD, or null. */
    public BigDecimal getDayBudgetUsd() {
        return money("day_budget_usd");
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

    /** When it ends, or null. */
    public Instant getExpiresAt() {
        return moment("expires_at");
    }

    /** When it was used last, or null. */
    public Instant getLastUsedAt() {
        return moment("last_used_at");
    }

    /** When it was revoked, or null. */
    public Instant getRevokedAt() {
        return moment("revoked_at");
    }

    /** Until when the secret before is good; null when none is. */
    public Instant getPreviousExpiresAt() {
        return moment("previous_expires_at");
    }

    /** Makes a key to be created, or the changes of one. */
    public static final class Builder {
        private final Fields fields = new Fields();

        /** What it is called. */
        public Builder name(String name) {
            return set("name", name);
        }

        /** One permission more, such as {@code tasks:read}. */
        public Builder addPermission(String permission) {
            fields.add("permissions", permission);
            return this;
        }

        /** All permissions. */
        public Builder permissions(List<String> permissions) {
            return set("permissions", permissions);
        }

        /** {@code test} or {@code live}. For create alone. */
        public Builder mode(String mode) {
            return set("mode", mode);
        }

        /** When it ends. */
        public Builder expiresAt(Instant moment) {
            return set("expires_at", moment);
        }

        /** How many requests it may make in a minute. */
        public Builder rateLimit(int requests) {
            return set("rate_limit", requests);
        }

        /** How much it may spend on a day (UTC), in USD. */
        public Builder dayBudgetUsd(BigDecimal usd) {
            return set("day_budget_usd", usd);
        }

        /**
         * What it is to have no more: {@code expires_at}, {@code rate_limit} or {@code
         * day_budget_usd}. For update alone.
         */
        public Builder remove(String field) {
            fields.add("remove", field);
            return this;
        }

        /** Any field, under the API's name for it; also one that is newer than this SDK. */
        public Builder set(String name, Object value) {
            fields.set(name, value);
            return this;
        }

        /** The key. Throws IllegalArgumentException for what JSON can't say. */
        public ApiKey build() {
            return new ApiKey(fields.all());
        }
    }
}
