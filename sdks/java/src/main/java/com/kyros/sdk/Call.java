package com.kyros.sdk;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;

/** What is asked: the path is that after {@code /v1}, its variable parts escaped already. */
final class Call {
    static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();

    final String method;
    final String path;
    /** Null: no body. */
    final Map<String, ?> body;
    /** The same at every try: what was done already is not done again. Null: not for this method. */
    final String idempotencyKey;
    /** How long the API may take beyond the client's timeout. */
    final Duration waits;
    /** How much is left of the time that all tries have together. */
    final Supplier<Duration> left;

    private Call(String method, String path, Map<String, ?> body, String idempotencyKey) {
        this(method, path, body, idempotencyKey, Duration.ZERO, () -> FOREVER);
    }

    private Call(
            String method, String path, Map<String, ?> body, String idempotencyKey, Duration waits,
            Supplier<Duration> left) {
        this.method = method;
        this.path = path;
        this.body = body;
        this.idempotencyKey = idempotencyKey;
        this.waits = waits;
        this.left = left;
    }

    static Call get(String path) {
        return new Call("GET", path, null, null);
    }

    static Call get(String path, Duration waits, Supplier<Duration> left) {
        return new Call("GET", path, null, null, waits, left);
    }

    static Call post(String path, Map<String, ?> body, String idempotencyKey) {
        String key = idempotencyKey == null ? UUID.randomUUID().toString() : idempotencyKey;
        if (!key.matches("[!-~]{1,255}")) {
            throw new IllegalArgumentException(
                "idempotencyKey must be 1 to 255 printable ASCII characters, no blanks.");
        }
        return new Call("POST", path, body, key);
    }

    static Call patch(String path, Map<String, ?> body) {
        return new Call("PATCH", path, body, null);
    }

    static Call delete(String path) {
        return new Call("DELETE", path, null, null);
    }
}
