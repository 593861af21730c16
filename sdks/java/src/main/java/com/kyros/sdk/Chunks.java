package com.kyros.sdk;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow.Subscription;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** The body of an answer as it comes, with a bound on the wait for each part. One thread reads it. */
final class Chunks implements BodySubscriber<Chunks>, AutoCloseable {
    private static final Object END = new Object();

    private final CompletableFuture<Subscription> subscription = new CompletableFuture<>();
    private final BlockingQueue<Object> parts = new LinkedBlockingQueue<>();

    /** The next part; null at the end. */
    byte[] next(Duration longest) throws IOException, InterruptedException {
        // Also where a part is there already: parts may come faster than they are read.
        Object part = longest.isNegative() ? null : parts.poll(longest.toNanos(), TimeUnit.NANOSECONDS);
        if (part == null) {
            throw new HttpTimeoutException("nothing came");
        }
        if (part == END) {
            return null;
        }
        if (part instanceof Throwable) {
            throw new IOException(((Throwable) part).getMessage(), (Throwable) part);
        }
        subscription.join().request(1);
        return (byte[]) part;
    }

    /** All that is left; how long to wait at most is asked for each part. */
    byte[] all(Supplier<Duration> longest) throws IOException, InterruptedException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part = next(longest.get()); part != null; part = next(longest.get())) {
            all.write(part);
        }
        return all.toByteArray();
    }

    /** Breaks the connection off, unless all was read. */
    @Override
    public void close() {
        parts.add(new EOFException("closed"));
        subscription.thenAccept(Subscription::cancel);
    }

    @Override
    public CompletionStage<Chunks> getBody() {
        return CompletableFuture.completedFuture(this);
    }

    @Override
    public void onSubscribe(Subscription given) {
        subscription.complete(given);
        given.request(1);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        byte[] part = new byte[buffers.stream().mapToInt(ByteBuffer::remaining).sum()];
        int at = 0;
        for (ByteBuffer buffer : buffers) {
            int length = buffer.remaining();
            buffer.get(part, at, length);
            at += length;
        }
        parts.add(part);
    }

    @Override
    public void onError(Throwable error) {
        parts.add(error);
    }

    @Override
    public void onComplete() {
        parts.add(END);
    }
}
