package com.kyros.sdk.models;

import java.math.BigDecimal;
import java.util.Map;

/** What was spent on something. */
public final class CostSum extends Model {
    /** Read of the API's JSON. */
    public CostSum(Map<String, ?> json) {
        super(json);
    }

    /** In USD. */
    public BigDecimal getCost() {
        return money("cost");
    }

    /** Calls of models. */
    public Long getCalls() {
        return integer("calls");
    }

    /** Tokens that were read. */
    public Long getInputTokens() {
        return integer("input_tokens");
    }

    /** Tokens that were written. */
    public Long getOutputTokens() {
        return integer("output_tokens");
    }
}
