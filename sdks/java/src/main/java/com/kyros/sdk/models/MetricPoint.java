package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** A metric in one step of a period. */
public final class MetricPoint extends Model {
    /** Read of the API's JSON. */
    public MetricPoint(Map<String, ?> json) {
        super(json);
    }

    /** Where the step begins. */
    public Instant getAt() {
        return moment("at");
    }

    /** How much. */
    public Double getValue() {
        return number("value");
    }

    /** How many it is made of. */
    public Long getSamples() {
        return integer("samples");
    }
}
