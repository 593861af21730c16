package com.kyros.sdk;

import com.kyros.sdk.Answer.Reads;
import com.kyros.sdk.internal.Json;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** One API and one key: requests are sent, tried again where that helps, their answers read. */
final class Api {
    static final String VERSION = "1.0.0";

    private static final System.Logger LOG = System.getLogger("com.kyros.sdk");
    /** A quiet stream carries a comment every ten seconds. */
    private static final Duration QUIET = Duration.ofSeconds(20);
    /** What a try has beyond the time that is left: an answer that comes at its end is to be read. */
    private static final Duration GRACE = Duration.ofSeconds(1);
    private static final int OK = 200;
    private static final String JSON = "application/json";
    private static final String EVENT_STREAM = "text/event-stream";

    private final HttpClient http;
    private final String url;
    private final String key;
    /** Null: none is asked for. */
    private final String mode;
    private final Duration timeout;
    private final int maxRetries;
    private final Pause pause;

    Api(String url, String key, String mode, Duration timeout, int maxRetries, Pause pause) {
        this.url = url;
        this.key = key;
        this.mode = mode;
        this.timeout = timeout;
        this.maxRetries = maxRetries;
        this.pause = pause;
        http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(timeout)
            .build();
    }

    /** What is made of the answer's data. */
    <T> T call(Call call, Reads<T> reads) {
        HttpRequest.Builder request = request(call, JSON, null);
        for (int tries = 0;; tries++) {
            try {
                return answer(call, request).read(reads);
            } catch (KyrosException error) {
                pauseAfter(error, tries, call);
            }
        }
    }

    /** The events of a stream, as long as its connection lasts; nothing is tried again. */
    Messages messages(Call call, String lastEventId) {
        Duration longest = timeout.plus(QUIET);
        HttpRequest request = request(call, EVENT_STREAM, lastEventId).build();
        Opened response = send(request, longest);
        String kind = response.headers.firstValue("Content-Type").orElse("");
        if (response.status != OK || !kind.startsWith(EVENT_STREAM)) {
            throw whole(response, () -> longest).refused();
        }
        return new Messages(this, response, longest);
    }

    /** Waits before the next try after so many earlier ones; throws the error, or that the time is over. */
    void pauseAfter(KyrosException error, int tries, Call call) {
        Duration after = Retry.pause(error, tries, maxRetries, ThreadLocalRandom.current().nextDouble());
        Duration left = call.left.get();
        boolean isCutOff = error instanceof ApiTimeoutException && left.isNegative();
        if (isCutOff || after != null && after.compareTo(left) >= 0) {
            throw new ApiTimeoutException("The time to wait for " + call.path + " is over; the last try failed: "
                + error.getMessage(), "wait_timeout", error);
        }
        if (after == null) {
            throw error;
        }
        LOG.log(System.Logger.Level.DEBUG, () -> "trying again in " + after.toMillis() + " ms: " + error.getMessage());
        sleep(after);
    }

    /** By the client's clock. */
    long nanoTime() {
        return pause.nanoTime();
    }

    /** Waits. */
    void sleep(Duration time) {
        try {
            pause.sleep(time);
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    /** What the JDK throws of a connection, as what a caller can act on. */
    KyrosException told(IOException error, Duration longest) {
        if (error instanceof HttpTimeoutException) {
            String seconds = String.valueOf(longest.toMillis() / 1000.0);
            return new ApiTimeoutException(url + " did not answer within " + seconds + " seconds.", "timeout", error);
        }
        String why = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
        return new ApiConnectionException("No whole answer came from " + url + ": " + why + ".", error);
    }

    /** The thread stays interrupted. */
    static CallInterruptedException interrupted(InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return new CallInterruptedException(interrupted);
    }

    private Answer answer(Call call, HttpRequest.Builder request) {
        Supplier<Duration> longest = longest(call);
        Duration first = longest.get();
        return whole(send(request.timeout(first).build(), first), longest);
    }

    /** How long a try that begins now waits for the answer, and then for each part of it. */
    private Supplier<Duration> longest(Call call) {
        Duration usual = timeout.plus(call.waits);
        Duration begun = call.left.get();
        // A try that begins when the time is over is to have its second, too.
        Duration grace = begun.isNegative() ? GRACE.minus(begun) : GRACE;
        return () -> {
            Duration left = call.left.get();
            boolean isFar = left.compareTo(usual) >= 0;
            return isFar || left.plus(grace).compareTo(usual) >= 0 ? usual : left.plus(grace);
        };
    }

    private Answer whole(Opened response, Supplier<Duration> longest) {
        Duration first = longest.get();
        try (Chunks body = response.body) {
            return new Answer(response.asked, response.status, response.headers, body.all(longest));
        } catch (IOException error) {
            throw told(error, first);
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    private Opened send(HttpRequest request, Duration longest) {
        long begun = System.nanoTime();
        try {
            Opened response = opened(request, longest);
            LOG.log(System.Logger.Level.DEBUG, () -> request.method() + " " + request.uri().getPath() + ": "
                + response.status + " in " + Duration.ofNanos(System.nanoTime() - begun).toMillis() + " ms, "
                + response.headers.firstValue("X-Request-Id").orElse("no request id"));
            return response;
        } catch (IOException error) {
            throw told(error, longest);
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    /**
     * Bounds the wait for the answer's beginning alone: a request's timeout, which a stream has not,
     * may hold for its body, too.
     *
     * <p>The JDK's own future may fail by the end of the body before it gives the answer away, and
     * what came of it would be lost.
     */
    private Opened opened(HttpRequest request, Duration longest) throws IOException, InterruptedException {
        CompletableFuture<Opened> opened = new CompletableFuture<>();
        CompletableFuture<?> sent = http.sendAsync(request, info -> {
            Opened answer = new Opened(request.uri(), info.statusCode(), info.headers(), new Chunks());
            opened.complete(answer);
            return answer.body;
        });
        sent.whenComplete((ignored, failure) -> {
            if (failure != null) {
                opened.completeExceptionally(failure);
            }
        });
        return begun(opened, sent, longest);
    }

    /** The answer that begins in time; one that begins later, or after an interrupt, is closed then. */
    static Opened begun(CompletableFuture<Opened> opened, CompletableFuture<?> sent, Duration longest)
            throws IOException, InterruptedException {
        try {
            return opened.get(longest.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException late) {
            leave(opened, sent);
            throw new HttpTimeoutException("nothing came");
        } catch (InterruptedException interrupted) {
            leave(opened, sent);
            throw interrupted;
        } catch (ExecutionException wrong) {
            throw wrong.getCause() instanceof IOException
                ? (IOException) wrong.getCause() : new IOException(wrong.getCause());
        }
    }

    private static void leave(CompletableFuture<Opened> opened, CompletableFuture<?> sent) {
        sent.cancel(true);
        // Before Java 16 that stops nothing.
        opened.thenAccept(late -> late.body.close());
    }

    private HttpRequest.Builder request(Call call, String accepts, String lastEventId) {
        BodyPublisher body = BodyPublishers.noBody();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + call.path))
            .header("Authorization", "Bearer " + key)
            .header("Accept", accepts)
            .header("User-Agent", "kyros-java/" + VERSION);
        if (mode != null) {
            request.header("X-Kyros-Mode", mode);
        }
        if (call.body != null) {
            request.header("Content-Type", JSON);
            body = BodyPublishers.ofByteArray(Json.write(call.body));
        }
        if (call.idempotencyKey != null) {
            request.header("Idempotency-Key", call.idempotencyKey);
        }
        if (lastEventId != null) {
            request.header("Last-Event-ID", lastEventId);
        }
        return request.method(call.method, body);
    }

    /** How a client waits, and by which clock. */
    @FunctionalInterface
    interface Pause {
        void sleep(Duration time) throws InterruptedException;

        default long nanoTime() {
            return System.nanoTime();
        }
    }
}
