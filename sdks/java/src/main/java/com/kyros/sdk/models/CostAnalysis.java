package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** What was spent over a period, in the key's mode. */
public final class CostAnalysis extends Model {
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

    /** {@code test} or {@code live}. */
    public String getMode() {
        return text("mode");
    }

    /** {@code USD}. */
    public String getCurrency() {
        return text("currency");
    }

    /** What was spent. */
    public BigDecimal getTotalCost() {
        return money("total_cost");
    }

    /** Calls of models. */
    public Long getCalls() {
        return integer("calls");
    }

    /** Calls whose price is not known; they are in no sum. */
    public Long getUnpricedCalls() {
        return integer("unpriced_calls");
    }

    /** Calls whose cost is estimated. */
    public Long getEstimatedCalls() {
        return integer("estimated_calls");
    }

    /** What of the total is estimated. */
    public BigDecimal getEstimatedCost() {
        return money("estimated_cost");
    }

    /** By model. */
    public Map<String, CostSum> getByModel() {
        return byName("by_model", CostSum::new);
    }

    /** By role. */
    public Map<String, CostSum> getByRole() {
        return byName("by_role", CostSum::new);
    }

    /** By tier. */
    public Map<String, CostSum> getByTier() {
        return byName("by_tier", CostSum::new);
    }

    /** Step by step. */
    public List<CostStep> getSeries() {
        return all("series", CostStep::new);
    }

    /** What was saved. */
    public Savings getSavings() {
        return one("savings", Savings::new);
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
