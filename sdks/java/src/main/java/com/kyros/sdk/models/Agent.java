package com.kyros.sdk.models;

import java.util.List;
import java.util.Map;

/** A built-in role, or a registered agent. */
public final class Agent extends Model {
    /** Read of the API's JSON. */
    public Agent(Map<String, ?> json) {
        super(json);
    }

    /** Its name. */
    public String getAgentId() {
        return text("agent_id");
    }

    /** How it is, such as {@code available}. */
    public String getStatus() {
        return text("status");
    }

    /** What it can do. */
    public List<String> getCapabilities() {
        return texts("capabilities");
    }

    /** How many submissions wait for it. */
    public Long getQueueDepth() {
        return integer("queue_depth");
    }

    /** How many workers it has. */
    public Long getWorkers() {
        return integer("workers");
    }
}
