package com.kyros.sdk;

import com.kyros.sdk.models.Agent;
import com.kyros.sdk.models.AgentContext;
import com.kyros.sdk.models.AgentSubmission;
import java.util.List;
import java.util.Map;

/** {@code client.agents()}: who does the work. */
public final class Agents extends Resource {
    Agents(Api api) {
        super(api);
    }

    /** Submits a task to a role, without a context. */
    public AgentSubmission submit(String role, String taskId) {
        return submit(role, taskId, null, null);
    }

    /**
     * Submits a task to a role, with what its model is shown: what has not started takes the context
     * in, what runs is superseded.
     *
     * @param role a role, or an agent of yours
     * @param taskId the task's id
     * @param context what is shown, or null
     * @return the submission
     */
    public AgentSubmission submit(String role, String taskId, AgentContext context) {
        return submit(role, taskId, context, null);
    }

    /** The same under a key of yours, which gives the same submission again. */
    public AgentSubmission submit(String role, String taskId, AgentContext context, String idempotencyKey) {
        return post("/agents/" + Address.segment("role", role) + "/submit",
            fields("task_id", taskId, "context", context), idempotencyKey, AgentSubmission::new);
    }

    /** The built-in roles and the registered agents. The API of this version answers 404 to it. */
    public Pages<Agent> list() {
        return list("/agents", "agents", Map.of(), Agent::new);
    }

    /**
     * Registers an agent as available, or again one that is registered. The API of this version answers
     * 404 to it.
     */
    public Agent register(String agentId, List<String> capabilities) {
        return register(agentId, capabilities, "available");
    }

    /** The same, with its status. */
    public Agent register(String agentId, List<String> capabilities, String status) {
        return register(agentId, capabilities, status, null);
    }

    /** The same under a key of yours, which acts once. */
    public Agent register(String agentId, List<String> capabilities, String status, String idempotencyKey) {
        return post("/agents/register", fields("agent_id", agentId, "capabilities", capabilities, "status", status),
            idempotencyKey, Agent::new);
    }
}
