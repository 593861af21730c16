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
 * <p>A broken stream is resumed after the last event, tried as often as any call. Close it to leave
 * early, from any thread. One thread reads it, once: a second loop goes on where the first left off.
 */
public final class EventStream implements Iterable<TaskEvent>, AutoCloseable {
    private final Api api;
    private final Call call;
    private String last;
    private int tries;
    private volatile Messages messages;
    private TaskEvent ahead;
    private boolean isOver;
    /** Another thread may set it; nothing sets it back. */
    private volatile boolean isClosed;

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
                return ahead != null && !isClosed;
            }

            @Override
            public TaskEvent next() {
                if (ahead == null && !hasNext()) {
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
        isClosed = true;
        leave();
    }

    private TaskEvent fetch() {
        while (!isClosed) {
            KyrosException failure;
            Messages from = messages;
            try {
                from = from == null ? opened() : from;
                Message message = from.next();
                if (message != null) {
                    return told(message, from);
                }
                failure = new ApiConnectionException("The stream ended before the task did.", null);
            } catch (KyrosException error) {
                failure = error;
            }
            leave();
            if (isClosed) {
                break;
            }
            tries = from != null && Retry.beginsAnew(failure, from.lived()) ? 0 : tries;
            isOver = true;
            api.pauseAfter(failure, tries, call);
            isOver = false;
            tries++;
        }
        return null;
    }

    private Messages opened() {
        Messages opened = api.messages(call, last);
        messages = opened;
        if (isClosed) {
            // Who closed it meanwhile saw no connection.
            opened.close();
        }
        return opened;
    }

    private TaskEvent told(Message message, Messages from) {
        if ("end".equals(message.event)) {
            close();
            return null;
        }
        tries = 0;
        last = message.id == null ? last : message.id;
        try {
            return new TaskEvent(Json.object(Json.parse(message.data.getBytes(StandardCharsets.UTF_8))));
        } catch (NotReadable wrong) {
            throw from.unreadable(wrong);
        }
    }

    private void leave() {
        Messages left = messages;
        if (left != null) {
            left.close();
            messages = null;
        }
    }
}
