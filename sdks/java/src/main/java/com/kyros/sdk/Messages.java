package com.kyros.sdk;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;

/**
 * Reads server-sent events from one connection. An event that was cut off is left out.
 *
 * <p>Lines are cut at LF and CRLF alone: what Unicode calls a line's end may stand inside the JSON.
 */
final class Messages implements AutoCloseable {
    private final Api api;
    private final Opened response;
    private final Duration longest;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final Queue<Message> complete = new ArrayDeque<>();
    private Map<String, String> fields = new HashMap<>();
    private final long begun;

    Messages(Api api, Opened response, Duration longest) {
        this.api = api;
        this.response = response;
        this.longest = longest;
        begun = api.nanoTime();
    }

    /** The next event; null when the connection ended. */
    Message next() {
        try {
            while (complete.isEmpty()) {
                byte[] chunk = response.body.next(longest);
                if (chunk == null) {
                    return null;
                }
                take(chunk);
            }
            return complete.remove();
        } catch (CharacterCodingException wrong) {
            throw unreadable(wrong);
        } catch (IOException error) {
            throw api.told(error, longest);
        } catch (InterruptedException interrupted) {
            throw Api.interrupted(interrupted);
        }
    }

    /** The time since the answer's beginning. */
    Duration lived() {
        return Duration.ofNanos(api.nanoTime() - begun);
    }

    /** The error for an event that is not the API's. */
    KyrosException unreadable(Throwable cause) {
        return new Answer(response.asked, response.status, response.headers, new byte[0]).unreadable(cause);
    }

    /** Breaks the connection off. */
    @Override
    public void close() {
        response.body.close();
    }

    private void take(byte[] chunk) throws CharacterCodingException {
        for (byte one : chunk) {
            if (one == '\n') {
                takeLine(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(line.toByteArray())).toString());
                line.reset();
            } else {
                line.write(one);
            }
        }
    }

    private void takeLine(String raw) {
        String text = raw.endsWith("\r") ? raw.substring(0, raw.length() - 1) : raw;
        if (text.isEmpty()) {
            if (fields.containsKey("data")) {
                complete.add(new Message(fields.get("id"), fields.get("event"), fields.get("data")));
            }
            fields = new HashMap<>();
        } else if (!text.startsWith(":")) {
            int colon = text.indexOf(':');
            String name = colon < 0 ? text : text.substring(0, colon);
            String value = colon < 0 ? "" : text.substring(colon + 1);
            String bare = value.startsWith(" ") ? value.substring(1) : value;
            fields.merge(name, bare, (before, more) -> name.equals("data") ? before + "\n" + more : more);
        }
    }

    /** One event as it was sent. */
    static final class Message {
        final String id;
        final String event;
        final String data;

        Message(String id, String event, String data) {
            this.id = id;
            this.event = event;
            this.data = data;
        }
    }
}
