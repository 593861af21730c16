package com.kyros.sdk.models;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** What was spent over a period, in the key's mode. */
public final class CostAnalysis extends CostSums {
    /** Read of the API's JSON. */
    public CostAnalysis(Map<String, ?> json) {
        super(json);
    }

    /** The period. */
    public String getPeriod() {
        return text("period");
    }

    /** Where it begins. */
    public Instant getFrom() {
        return moment("from");
    }

    /** Where it ends. */
    public Instant getTo() {
        return moment("to");
    }

    /** Step by step. */
    public List<CostStep> getSeries() {
        return all("series", CostStep::new);
    }

    /** {@code day}, {@code key_day} and {@code task}, where there are such limits. */
    public Map<String, Budget> getBudget() {
        return byName("budget", Budget::new);
    }

    /** How far back to look. */
    public enum Period {
        /** The last hour. */
        HOUR("1h"),
        /** The last six hours. */
        SIX_HOURS("6h"),
        /** The last 24 hours. */
        DAY("1d"),
        /** The last seven days. */
        WEEK("7d"),
        /** The last thirty days. */
        MONTH("30d");

        private final String word;

        Period(String word) {
            this.word = word;
        }

        /** The period as the API writes it. */
        @Override
        public String toString() {
            return word;
        }
    }
}
