package com.kyros.sdk.models;

import java.util.Map;

/** One pass of one role at one task. */
public final class AgentSubmission extends Model {
    /** Read of the API's JSON. */
    public AgentSubmission(Map<String, ?> json) {
        super(json);
    }

    /** The id, {@code sub_…}. */
    public String getSubmissionId() {
        return text("submission_id");
    }

    /** The task's id. */
    public String getTaskId() {
        return text("task_id");
    }

    /** The role. */
    public String getRole() {
        return text("role");
    }

    /** How it stands, such as {@code queued}. */
    public String getStatus() {
        return text("status");
    }
}
