package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.util.Map;

/** A limit, soft and hard, and what of it is spent. */
public final class Budget extends Model {
    /** Read of the API's JSON. */
    public Budget(Map<String, ?> json) {
        super(json);
    }

    /** From where on economy is asked for, in USD; null where it is not set. */
    public BigDecimal getSoft() {
        return money("soft");
    }

    /** Where it ends, in USD; null where it is not set. */
    public BigDecimal getHard() {
        return money("hard");
    }

    /** What is spent of it, in USD; null for the limits of a task. */
    public BigDecimal getSpent() {
        return money("spent");
    }

    /** Of which day; null for the limits of a task. */
    public String getDay() {
        return text("day");
    }
}
