package com.kyros.sdk;

import com.kyros.sdk.models.Progress;
import com.kyros.sdk.models.Task;
import com.kyros.sdk.models.TaskCosts;
import com.kyros.sdk.models.TaskEvent;
import com.kyros.sdk.models.TaskFilter;
import com.kyros.sdk.models.TaskStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** {@code client.tasks()}: pieces of work. */
public final class Tasks extends Resource {
    /** How long one request of waitFor waits, and shorter where somebody wants to hear of progress. */
    private static final Duration WAIT = Duration.ofSeconds(30);
    private static final Duration PROGRESS = Duration.ofSeconds(2);
    /** Where too many wait already the API answers at once: a loop takes a second at least. */
    private static final Duration LEAST = Duration.ofSeconds(1);

    Tasks(Api api) {
        super(api);
    }

    /**
     * Creates a task, queued at once.
     *
     * @param task what is to be done
     * @return the task, with its id
     * @throws ValidationException with every field that is wrong
     */
    public Task create(Task task) {
        return create(task, null);
    }

    /**
     * Creates a task, or gives the one that the same key created within 24 hours.
     *
     * @param task what is to be done
     * @param idempotencyKey a key of yours; null for one that is made for this call
     * @return the task, with its id
     * @throws ConflictException when the key was used for another task
     */
    public Task create(Task task, String idempotencyKey) {
        return post("/tasks", task.toMap(), idempotencyKey, Task::new);
    }

    /** Creates 1 to 1,000 tasks, all or none; gives them in the same order. */
    public List<Task> createBatch(List<Task> tasks) {
        return createBatch(tasks, null);
    }

    /** The same under a key of yours, which gives the same tasks again. */
    public List<Task> createBatch(List<Task> tasks, String idempotencyKey) {
        List<Map<String, Object>> given = tasks.stream().map(task -> given(task.toMap())).collect(Collectors.toList());
        return post("/tasks/batch", fields("tasks", given), idempotencyKey, data -> each(data, "tasks", Task::new));
    }

    /** The task as it is now, with its result and error. */
    public Task get(String taskId) {
        return get(path(taskId), Task::new);
    }

    /** How the task stands. */
    public TaskStatus getStatus(String taskId) {
        return get(path(taskId) + "/status", TaskStatus::new);
    }

    /** What was spent on the task, on what, and what was saved, over all its runs. */
    public TaskCosts getCosts(String taskId) {
        return get(path(taskId) + "/costs", TaskCosts::new);
    }

    /** All tasks, newest first. */
    public Pages<Task> list() {
        return list("/tasks", "tasks", Map.of(), Task::new);
    }

    /** The tasks that pass the filter, newest first. */
    public Pages<Task> list(TaskFilter filter) {
        return list("/tasks", "tasks", filter.toMap(), Task::new);
    }

    /** The task, as soon as it is completed or failed; a failed one throws nothing. */
    public Task waitFor(String taskId) {
        return waitFor(taskId, null, null);
    }

    /**
     * The task, as soon as it is completed or failed; a failed one throws nothing.
     *
     * @param taskId the task's id
     * @param timeout how long to wait at most; the task goes on. Null: until the task's own deadline.
     * @return the task
     * @throws ApiTimeoutException (code {@code wait_timeout}) when the task is not known to be final by
     *     then, or the API can't be asked again before; a last look may take a second more
     * @throws KyrosException as any call, where the API fails at every try, however much time is left
     */
    public Task waitFor(String taskId, Duration timeout) {
        return waitFor(taskId, timeout, null);
    }

    /**
     * The task, as soon as it is completed or failed; a failed one throws nothing.
     *
     * @param taskId the task's id
     * @param timeout how long to wait at most, or null
     * @param onProgress is given the task at first, and whenever its status or progress has changed
     * @return the task
     * @throws ApiTimeoutException (code {@code wait_timeout}) when the task is not known to be final by
     *     then, or the API can't be asked again before; a last look may take a second more
     * @throws KyrosException as any call, where the API fails at every try, however much time is left
     */
    public Task waitFor(String taskId, Duration timeout, Consumer<Task> onProgress) {
        long start = System.nanoTime();
        Supplier<Duration> left = () ->
            timeout == null ? Call.FOREVER : timeout.minusNanos(System.nanoTime() - start);
        Duration longest = onProgress == null ? WAIT : PROGRESS;
        Task seen = null;
        while (true) {
            long begun = System.nanoTime();
            Task task = asked(taskId, shorter(longest, left.get()), left);
            if (onProgress != null && (seen == null || isNews(seen, task))) {
                onProgress.accept(task);
            }
            seen = task;
            if (isFinal(task)) {
                return task;
            }
            Duration remaining = left.get();
            if (remaining.isNegative() || remaining.isZero()) {
                throw new ApiTimeoutException(taskId + " is still " + task.getStatus() + " after " + timeout.toMillis()
                    + " ms; it goes on.", "wait_timeout", null);
            }
            Duration rest = LEAST.minusNanos(System.nanoTime() - begun);
            if (!rest.isNegative() && !rest.isZero()) {
                api.sleep(shorter(rest, remaining));
            }
        }
    }

    /** What happens to the task, live, until it is final. */
    public EventStream stream(String taskId) {
        return new EventStream(api, path(taskId) + "/stream", null);
    }

    /** The same after the event of that {@link TaskEvent#getSeq}. */
    public EventStream stream(String taskId, long lastEventId) {
        return new EventStream(api, path(taskId) + "/stream", Long.toString(lastEventId));
    }

    /** Everything that happened to the task, oldest first. */
    public Pages<TaskEvent> timeline(String taskId) {
        return list(path(taskId) + "/timeline", "events", Map.of(), TaskEvent::new);
    }

    /**
     * Cancels the task.
     *
     * @param taskId the task's id
     * @return the task as it is now
     * @throws ConflictException when it is final already
     */
    public Task cancel(String taskId) {
        return cancel(taskId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Task cancel(String taskId, String idempotencyKey) {
        return act(path(taskId) + "/cancel", idempotencyKey, Task::new);
    }

    /**
     * Starts a failed or cancelled task again.
     *
     * @param taskId the task's id
     * @return the task as it is now
     * @throws ConflictException for any other task
     */
    public Task retry(String taskId) {
        return retry(taskId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Task retry(String taskId, String idempotencyKey) {
        return act(path(taskId) + "/retry", idempotencyKey, Task::new);
    }

    private Task asked(String taskId, Duration wait, Supplier<Duration> left) {
        long seconds = Math.max(0, wait.toSeconds());
        String query = seconds == 0 ? "" : "?wait=" + seconds;
        return api.call(Call.get(path(taskId) + query, Duration.ofSeconds(seconds), left), Task::new);
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private static boolean isFinal(Task task) {
        TaskStatus.Status status = task.getStatus();
        return status == TaskStatus.Status.COMPLETED || status == TaskStatus.Status.FAILED;
    }

    private static boolean isNews(Task seen, Task task) {
        Progress before = seen.getProgress();
        return !Objects.equals(seen.getStatus(), task.getStatus()) || !Objects.equals(before, task.getProgress());
    }

    private static String path(String taskId) {
        return "/tasks/" + Address.segment("task_id", taskId);
    }
}
