package com.kyros.sdk.models;

import java.util.Map;

/** Whether the deployment is in maintenance: work is taken, and none is begun. */
public final class Maintenance extends Model {
    /** Read of the API's JSON. */
    public Maintenance(Map<String, ?> json) {
        super(json);
    }

    /** Whether it is. */
    public boolean isEnabled() {
        return flag("enabled");
    }

    /** What people are told of it, or null. */
    public String getMessage() {
        return text("message");
    }
}
