package com.kyros.sdk.models;

import java.util.List;
import java.util.Map;

/** A figure over a period: rates in percent, times in seconds; 0 without samples. */
public final class Metric extends Model {
    /** Read of the API's JSON. */
    public Metric(Map<String, ?> json) {
        super(json);
    }

    /** The average. */
    public Double getAverage() {
        return number("average");
    }

    /** The newest value. */
    public Double getCurrent() {
        return number("current");
    }

    /** The least. */
    public Double getMinimum() {
        return number("minimum");
    }

    /** The most. */
    public Double getMaximum() {
        return number("maximum");
    }

    /** How many it is made of. */
    public Long getSamples() {
        return integer("samples");
    }

    /** How it went. */
    public List<MetricPoint> getSeries() {
        return all("series", MetricPoint::new);
    }
}
