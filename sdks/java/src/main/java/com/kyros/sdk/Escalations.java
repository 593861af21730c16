package com.kyros.sdk;

import com.kyros.sdk.models.Escalation;
import com.kyros.sdk.models.EscalationFilter;
import com.kyros.sdk.models.Task;
import java.util.Map;

/** {@code client.escalations()}: requests for the premium tier. */
public final class Escalations extends Resource {
    Escalations(Api api) {
        super(api);
    }

    /** Asks for the premium tier; the task pauses until it is decided. */
    public Escalation submit(String taskId, String reason) {
        return submit(taskId, reason, null, null);
    }

    /** The same, with its own priority. */
    public Escalation submit(String taskId, String reason, Task.Priority priority) {
        return submit(taskId, reason, priority, null);
    }

    /** The same under a key of yours, which gives the same escalation again. */
    public Escalation submit(String taskId, String reason, Task.Priority priority, String idempotencyKey) {
        return post("/escalations", fields("task_id", taskId, "reason", reason, "priority", priority),
            idempotencyKey, Escalation::new);
    }

    /** All escalations, newest first. */
    public Pages<Escalation> list() {
        return list("/escalations", "escalations", Map.of(), Escalation::new);
    }

    /** The escalations that pass the filter, newest first. */
    public Pages<Escalation> list(EscalationFilter filter) {
        return list("/escalations", "escalations", filter.toMap(), Escalation::new);
    }

    /** One escalation. */
    public Escalation get(String escalationId) {
        return get(path(escalationId), Escalation::new);
    }

    /** Lets the premium tier take over. */
    public Escalation approve(String escalationId) {
        return approve(escalationId, null);
    }

    /**
     * Lets the premium tier take over.
     *
     * @param escalationId the escalation's id
     * @param comment what to say to it, or null
     * @return the escalation as it is now
     * @throws ConflictException when it is decided already
     */
    public Escalation approve(String escalationId, String comment) {
        return approve(escalationId, comment, null);
    }

    /** The same under a key of yours, which acts once. */
    public Escalation approve(String escalationId, String comment, String idempotencyKey) {
        return post(path(escalationId) + "/approve", fields("comment", comment), idempotencyKey, Escalation::new);
    }

    /** Refuses the premium tier. */
    public Escalation reject(String escalationId) {
        return reject(escalationId, null);
    }

    /**
     * Refuses the premium tier.
     *
     * @param escalationId the escalation's id
     * @param comment what to say to it, or null
     * @return the escalation as it is now
     * @throws ConflictException when it is decided already
     */
    public Escalation reject(String escalationId, String comment) {
        return reject(escalationId, comment, null);
    }

    /** The same under a key of yours, which acts once. */
    public Escalation reject(String escalationId, String comment, String idempotencyKey) {
        return post(path(escalationId) + "/reject", fields("comment", comment), idempotencyKey, Escalation::new);
    }

    private static String path(String escalationId) {
        return "/escalations/" + Address.segment("escalation_id", escalationId);
    }
}
