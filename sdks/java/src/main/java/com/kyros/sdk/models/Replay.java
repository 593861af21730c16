package com.kyros.sdk.models;

import java.time.Instant;
import java.util.Map;

/** How many deliveries go out again. */
public final class Replay extends Model {
    /** Read of the API's JSON. */
    public Replay(Map<String, ?> json) {
        super(json);
    }

    /** The webhook's id. */
    public String getId() {
        return text("id");
    }

    /** From when on. */
    public Instant getSince() {
        return moment("since");
    }

    /** How many. */
    public Long getDeliveries() {
        return integer("deliveries");
    }
}
