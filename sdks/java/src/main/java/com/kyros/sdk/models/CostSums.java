package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.util.Map;

/** What was spent, on what, and what was saved. */
public abstract class CostSums extends Model {
    CostSums(Map<String, ?> json) {
        super(json);
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

    /** What was saved. */
    public Savings getSavings() {
        return one("savings", Savings::new);
    }
}
