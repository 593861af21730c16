package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.util.Map;

/** An estimate of what premium models alone would have cost more. */
public final class Savings extends Model {
    /** Read of the API's JSON. */
    public Savings(Map<String, ?> json) {
        super(json);
    }

    /** The difference in USD; it can be negative. */
    public BigDecimal getVsPremiumOnly() {
        return money("vs_premium_only");
    }

    /** The same in percent. */
    public Double getPercentage() {
        return number("percentage");
    }

    /** What they would have cost, in USD. */
    public BigDecimal getPremiumOnlyCost() {
        return money("premium_only_cost");
    }

    /** Accepted answers whose premium price is not known; they count as saving nothing. */
    public Long getNotComparedAnswers() {
        return integer("not_compared_answers");
    }

    /** Whether it is an estimate. */
    public boolean isEstimate() {
        return flag("estimate");
    }
}
