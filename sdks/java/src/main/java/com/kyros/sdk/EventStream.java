package com.kyros.sdk;

import com.kyros.sdk.Messages.Message;
import com.kyros.sdk.internal.Json;
import com.kyros.sdk.internal.Json.NotReadable;
import com.kyros.sdk.models.TaskEvent;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * What happens to a task, live, until it is final: {@code for (TaskEvent event : stream)}.
 *
 * <p>A broken stream is resumed after the last event. Close it to leave early. One thread reads it,
 * once: a second loop goes on where the first left off.
 */
public final class EventStream implements Iterable<TaskEvent>, AutoCloseable {
    private final Api api;
    private final Call call;
    private String last;
    private int tries;
    private Messages messages;
    private TaskEvent ahead;
    private boolean isOver;

    EventStream(Api api, String path, String last) {
        this.api = api;
        call = Call.get(path);
        this.last = last;
    }

    /** The events that are still to come; asks the API for them, and throws its errors. */
    @Override
    public Iterator<TaskEvent> iterator() {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                if (ahead == null && !isOver) {
                    ahead = fetch();
                }
                return ahead != null;
            }

            @Override
            public TaskEvent next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                TaskEvent event = ahead;
                ahead = null;
                return event;
            }
        };
    }

    /** Breaks the connection off; no events come any more. */
    @Override
    public void close() {
        isOver = true;
        ahead = null;
        leave();
    }

    private TaskEvent fetch() {
        while (true) {
            KyrosException failure;
            try {
                messages = messages == null ? api.messages(call, last) : messages;
                Message message = messages.next();
                if (message != null) {
                    return told(message);
                }
                failure = new ApiConnectionException("The stream ended before the task did.", null);
            } catch (KyrosException error) {
                failure = error;
            }
            // A quiet stream that was cut after a comment was a good one.
            tries = messages != null && messages.hasLines() ? 0 : tries;
            leave();
            isOver = true;
            api.pauseAfter(failure, tries, call);
            isOver = false;
            tries++;
        }
    }

    private TaskEvent told(Message message) {
        if ("end".equals(message.event)) {
            close();
            return null;
        }
        last = message.id == null ? last : message.id;
        try {
            return new TaskEvent(Json.object(Json.parse(message.data.getBytes(StandardCharsets.UTF_8))));
        } catch (NotReadable wrong) {
            throw messages.unreadable(wrong);
        }
    }

    private void leave() {
        if (messages != null) {
            messages.close();
            messages = null;
        }
    }
}
