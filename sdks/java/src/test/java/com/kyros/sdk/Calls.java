package com.kyros.sdk;

import com.kyros.sdk.models.AgentContext;
import com.kyros.sdk.models.ApiKey;
import com.kyros.sdk.models.CostAnalysis;
import com.kyros.sdk.models.Escalation;
import com.kyros.sdk.models.EscalationFilter;
import com.kyros.sdk.models.Task;
import com.kyros.sdk.models.TaskFilter;
import com.kyros.sdk.models.TaskStatus;
import com.kyros.sdk.models.Webhook;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The calls of the shared cases as this SDK spells them, with its typed objects. */
final class Calls {
    private final KyrosClient client;
    private final Map<String, Object> given;
    private final Consumer<Task> onProgress;

    Calls(KyrosClient client, Map<String, Object> given, Consumer<Task> onProgress) {
        this.client = client;
        this.given = given;
        this.onProgress = onProgress;
    }

    Object call(String method) {
        String resource = method.substring(0, method.indexOf('.'));
        String name = method.substring(method.indexOf('.') + 1);
        switch (resource) {
            case "tasks":
                return task(name);
            case "agents":
                return agent(name);
            case "escalations":
                return escalation(name);
            case "webhooks":
                return webhook(name);
            case "api_keys":
                return apiKey(name);
            default:
                return monitoring(name);
        }
    }

    private Object task(String name) {
        Tasks tasks = client.tasks();
        String id = text("task_id");
        String key = text("idempotency_key");
        switch (name) {
            case "create":
                Task task = task((Map<?, ?>) given.get("task"));
                return key == null ? tasks.create(task) : tasks.create(task, key);
            case "create_batch":
                return tasks.createBatch(((List<?>) given.get("tasks")).stream()
                    .map(one -> task((Map<?, ?>) one)).collect(Collectors.toList()));
            case "get":
                return tasks.get(id);
            case "get_status":
                return tasks.getStatus(id);
            case "get_costs":
                return tasks.getCosts(id);
            case "list":
                TaskFilter filter = filter();
                return paged(filter.toMap().isEmpty() ? tasks.list() : tasks.list(filter));
            case "wait":
                Duration timeout = given.containsKey("timeout")
                    ? Duration.ofMillis((long) (((Number) given.get("timeout")).doubleValue() * 1000)) : null;
                return timeout == null && onProgress == null
                    ? tasks.waitFor(id) : tasks.waitFor(id, timeout, onProgress);
            case "stream":
                return given.containsKey("last_event_id")
                    ? tasks.stream(id, (Integer) given.get("last_event_id")) : tasks.stream(id);
            case "timeline":
                return paged(tasks.timeline(id));
            case "cancel":
                return tasks.cancel(id);
            case "retry":
                return tasks.retry(id);
            default:
                throw new AssertionError("tasks." + name);
        }
    }

    private Object agent(String name) {
        switch (name) {
            case "submit":
                return given.containsKey("context")
                    ? client.agents().submit(text("role"), text("task_id"), context((Map<?, ?>) given.get("context")))
                    : client.agents().submit(text("role"), text("task_id"));
            case "list":
                return paged(client.agents().list());
            case "register":
                return client.agents().register(text("agent_id"), texts(given.get("capabilities")));
            default:
                throw new AssertionError("agents." + name);
        }
    }

    private Object escalation(String name) {
        Escalations escalations = client.escalations();
        String id = text("escalation_id");
        switch (name) {
            case "submit":
                return given.containsKey("priority")
                    ? escalations.submit(text("task_id"), text("reason"), Task.Priority.of(text("priority")))
                    : escalations.submit(text("task_id"), text("reason"));
            case "list":
                return paged(escalations.list(new EscalationFilter.Builder()
                    .status(Escalation.Status.of(text("status"))).taskId(text("task_id")).build()));
            case "get":
                return escalations.get(id);
            case "approve":
                return given.containsKey("comment")
                    ? escalations.approve(id, text("comment")) : escalations.approve(id);
            case "reject":
                return given.containsKey("comment") ? escalations.reject(id, text("comment")) : escalations.reject(id);
            default:
                throw new AssertionError("escalations." + name);
        }
    }

    private Object webhook(String name) {
        WebhookEndpoints webhooks = client.webhooks();
        String id = text("webhook_id");
        switch (name) {
            case "create":
                return webhooks.create(webhook());
            case "list":
                return paged(webhooks.list());
            case "get":
                return webhooks.get(id);
            case "update":
                return webhooks.update(id, webhook());
            case "delete":
                return webhooks.delete(id);
            case "rotate_secret":
                return webhooks.rotateSecret(id);
            case "activate_secret":
                return webhooks.activateSecret(id);
            case "test":
                return webhooks.test(id);
            case "list_deliveries":
                return paged(webhooks.listDeliveries(id));
            case "redeliver":
                return webhooks.redeliver(id, text("delivery_id"));
            case "replay":
                return webhooks.replay(id, Instant.parse(text("since")));
            default:
                throw new AssertionError("webhooks." + name);
        }
    }

    private Object apiKey(String name) {
        ApiKeys keys = client.apiKeys();
        String id = text("key_id");
        switch (name) {
            case "create":
                return keys.create(apiKey());
            case "list":
                return paged(keys.list());
            case "get":
                return keys.get(id);
            case "update":
                return keys.update(id, apiKey());
            case "rotate":
                return given.containsKey("overlap_seconds")
                    ? keys.rotate(id, Duration.ofSeconds((Integer) given.get("overlap_seconds"))) : keys.rotate(id);
            case "revoke":
                return keys.revoke(id);
            default:
                throw new AssertionError("api_keys." + name);
        }
    }

    private Object monitoring(String name) {
        CostAnalysis.Period period = Stream.of(CostAnalysis.Period.values())
            .filter(one -> one.toString().equals(given.get("period"))).findFirst().orElse(null);
        switch (name) {
            case "get_health":
                return client.monitoring().getHealth();
            case "get_metrics":
                return period == null ? client.monitoring().getMetrics() : client.monitoring().getMetrics(period);
            case "get_costs":
                return period == null ? client.monitoring().getCosts() : client.monitoring().getCosts(period);
            default:
                throw new AssertionError("monitoring." + name);
        }
    }

    private TaskFilter filter() {
        TaskFilter.Builder filter = new TaskFilter.Builder();
        given.forEach((name, value) -> {
            switch (name) {
                case "status": filter.status(TaskStatus.Status.of((String) value)); break;
                case "state": filter.state(Task.State.of((String) value)); break;
                case "type": filter.type(Task.Type.of((String) value)); break;
                case "priority": filter.priority(Task.Priority.of((String) value)); break;
                case "assignee_role": filter.assigneeRole((String) value); break;
                case "created_after": filter.createdAfter(Instant.parse((String) value)); break;
                case "created_before": filter.createdBefore(OffsetDateTime.parse((String) value)); break;
                case "q": filter.words((String) value); break;
                case "limit": case "cursor": break;
                default: throw new AssertionError(name);
            }
        });
        return filter.build();
    }

    @SuppressWarnings("unchecked")
    private static Task task(Map<?, ?> fields) {
        Task.Builder task = new Task.Builder();
        fields.forEach((name, value) -> {
            switch ((String) name) {
                case "title": task.title((String) value); break;
                case "description": task.description((String) value); break;
                case "type": task.type(Task.Type.of((String) value)); break;
                case "priority": task.priority(Task.Priority.of((String) value)); break;
                case "assignee_role": task.assigneeRole((String) value); break;
                case "acceptance_criteria": texts(value).forEach(task::addAcceptanceCriterion); break;
                case "files_to_modify": texts(value).forEach(task::addFileToModify); break;
                case "complexity": task.complexity(Task.Complexity.of((String) value)); break;
                case "metadata": task.metadata((Map<String, ?>) value); break;
                case "context": task.context(context((Map<?, ?>) value)); break;
                case "dedupe_key": task.dedupeKey((String) value); break;
                case "deadline_seconds": task.deadline(Duration.ofSeconds((Integer) value)); break;
                default: throw new AssertionError(name);
            }
        });
        return task.build();
    }

    private static AgentContext context(Map<?, ?> fields) {
        AgentContext.Builder context = new AgentContext.Builder();
        fields.forEach((name, value) -> {
            switch ((String) name) {
                case "repository_state": context.repositoryState((String) value); break;
                case "recent_changes": texts(value).forEach(context::addRecentChange); break;
                case "files": ((Map<?, ?>) value).forEach(
                    (path, text) -> context.putFile((String) path, (String) text)); break;
                default: context.set((String) name, value);
            }
        });
        return context.build();
    }

    private Webhook webhook() {
        Webhook.Builder webhook = new Webhook.Builder();
        given.forEach((name, value) -> {
            switch (name) {
                case "url": webhook.url((String) value); break;
                case "events": texts(value).forEach(webhook::addEvent); break;
                case "secret": webhook.secret((String) value); break;
                case "description": webhook.description((String) value); break;
                case "enabled": webhook.enabled((Boolean) value); break;
                case "webhook_id": break;
                default: throw new AssertionError(name);
            }
        });
        return webhook.build();
    }

    private ApiKey apiKey() {
        ApiKey.Builder key = new ApiKey.Builder();
        given.forEach((name, value) -> {
            switch (name) {
                case "name": key.name((String) value); break;
                case "permissions": texts(value).forEach(key::addPermission); break;
                case "mode": key.mode((String) value); break;
                case "expires_at": key.expiresAt(Instant.parse((String) value)); break;
                case "rate_limit": key.rateLimit((Integer) value); break;
                case "day_budget_usd": key.dayBudgetUsd((BigDecimal) value); break;
                case "remove": texts(value).forEach(key::remove); break;
                case "key_id": break;
                default: throw new AssertionError(name);
            }
        });
        return key.build();
    }

    private <T> Pages<T> paged(Pages<T> pages) {
        Pages<T> sized = given.containsKey("limit") ? pages.pageSize((Integer) given.get("limit")) : pages;
        return given.containsKey("cursor") ? sized.startingAt(text("cursor")) : sized;
    }

    private String text(String name) {
        return (String) given.get(name);
    }

    private static List<String> texts(Object values) {
        return ((List<?>) values).stream().map(value -> (String) value).collect(Collectors.toList());
    }
}
