package com.kyros.sdk.models;

import java.util.Map;

/** How far a task is. */
public final class Progress extends Model {
    /** Read of the API's JSON. */
    public Progress(Map<String, ?> json) {
        super(json);
    }

    /** From 0 to 100. */
    public Double getPercentage() {
        return number("percentage");
    }

    /** One word for where it is. */
    public String getStage() {
        return text("stage");
    }

    /** One sentence for a person. */
    public String getMessage() {
        return text("message");
    }
}
