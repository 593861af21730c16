package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.Map;

/** What was spent in one step of a period. */
public final class CostStep extends Model {
    /** Read of the API's JSON. */
    public CostStep(Map<String, ?> json) {
        super(json);
    }

    /** Where the step begins. */
    public Instant getAt() {
        return moment("at");
    }

    /** In USD. */
    public BigDecimal getCost() {
        return money("cost");
    }

    /** Calls of models. */
    public Long getCalls() {
        return integer("calls");
    }
}
