package com.kyros.sdk.models;

import java.util.Map;

/** What was spent on one task, over all its runs. */
public final class TaskCosts extends CostSums {
    /** Read of the API's JSON. */
    public TaskCosts(Map<String, ?> json) {
        super(json);
    }

    /** The task's id. */
    public String getTaskId() {
        return text("task_id");
    }
}
