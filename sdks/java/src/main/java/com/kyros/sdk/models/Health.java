package com.kyros.sdk.models;

import java.util.Map;

/** How the deployment is. */
public final class Health extends Model {
    /** Read of the API's JSON. */
    public Health(Map<String, ?> json) {
        super(json);
    }

    /** In a word. */
    public Status getOverallStatus() {
        return word("overall_status", Status::of);
    }

    /** Each part: {@code health.get("components", "workers", "critic", "status")}. */
    public Map<String, Object> getComponents() {
        return map("components");
    }

    /** Whether workers may start anything new; null while the database is away. */
    public Maintenance getMaintenance() {
        return one("maintenance", Maintenance::new);
    }

    /** Which version runs. */
    public String getVersion() {
        return text("version");
    }

    /** How long it has run. */
    public Double getUptimeSeconds() {
        return number("uptime_seconds");
    }

    /** Whether all of it is in test mode. */
    public boolean isTestMode() {
        return flag("test_mode");
    }

    /** How a deployment is. */
    public static final class Status extends Word {
        /** The word {@code healthy}. */
        public static final Status HEALTHY = new Status("healthy");
        /** The word {@code degraded}. */
        public static final Status DEGRADED = new Status("degraded");
        /** The word {@code unhealthy}. */
        public static final Status UNHEALTHY = new Status("unhealthy");

        private static final Map<String, Status> KNOWN = known(HEALTHY, DEGRADED, UNHEALTHY);

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
