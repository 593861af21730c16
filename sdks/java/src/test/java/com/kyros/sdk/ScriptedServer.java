package com.kyros.sdk;

import com.kyros.sdk.internal.Json;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A server on loopback that answers as a case scripts it, and remembers what it was asked. */
final class ScriptedServer implements AutoCloseable {
    final List<Asked> asked = new CopyOnWriteArrayList<>();
    /** What is answered when the script is at its end. */
    volatile Function<Asked, Map<String, ?>> always = ignored -> Map.of("status", 599, "text", "no more");

    private final Queue<Map<String, ?>> script = new ConcurrentLinkedQueue<>();
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer server;
    private volatile boolean expectsResent;

    ScriptedServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** An address where nothing listens. */
    static String nobody() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return "http://127.0.0.1:" + taken.getLocalPort();
        }
    }

    static Map<String, Object> data(Object value) {
        return Map.of("status", 200, "body", Map.of("success", true, "data", value));
    }

    void answers(Map<String, ?> answer) {
        script.add(answer);
    }

    /**
     * Whether the next GET would be one that the JDK's client sends again by itself: at once, once,
     * when the connection was closed before the first byte of an answer. It is none of the SDK's.
     */
    void expectsResent(boolean given) {
        expectsResent = given;
    }

    @Override
    public void close() {
        stopping.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        Asked one = new Asked(exchange);
        if (expectsResent) {
            expectsResent = false;
            throw new IOException("the script breaks the connection off");
        }
        asked.add(one);
        Map<String, ?> next = script.poll();
        Map<String, ?> answer = next == null ? always.apply(one) : next;
        if (answer.containsKey("hang")) {
            hang();
        }
        expectsResent = answer.containsKey("close") && one.method.equals("GET");
        if (answer.containsKey("hang") || answer.containsKey("close")) {
            throw new IOException("the script breaks the connection off");
        }
        write(exchange, answer);
        if ("hang".equals(answer.get("then"))) {
            hang();
        }
        if ("trickle".equals(answer.get("then"))) {
            trickle(exchange.getResponseBody());
        }
        if (answer.containsKey("then")) {
            throw new IOException("the script breaks the connection off");
        }
        exchange.close();
    }

    private void hang() {
        try {
            stopping.await();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** Until the client is gone, or the server stops. */
    private void trickle(OutputStream out) throws IOException {
        try {
            while (!stopping.await(50, TimeUnit.MILLISECONDS)) {
                out.write(' ');
                out.flush();
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private static void write(HttpExchange exchange, Map<String, ?> answer) throws IOException {
        byte[] body = String.valueOf(answer.containsKey("text") ? answer.get("text") : "")
            .getBytes(StandardCharsets.UTF_8);
        if (answer.containsKey("body")) {
            body = Json.write(answer.get("body"));
            exchange.getResponseHeaders().set("Content-Type", "application/json");
        }
        long length = body.length == 0 ? -1 : body.length;
        Map<?, ?> headers = answer.containsKey("headers") ? (Map<?, ?>) answer.get("headers") : Map.of();
        for (Map.Entry<?, ?> header : headers.entrySet()) {
            if (header.getKey().equals("Content-Length")) {
                length = Long.parseLong((String) header.getValue());
            } else {
                exchange.getResponseHeaders().set((String) header.getKey(), (String) header.getValue());
            }
        }
        List<?> chunks = (List<?>) answer.get("chunks");
        exchange.sendResponseHeaders((Integer) answer.get("status"), chunks == null ? length : 0);
        OutputStream out = exchange.getResponseBody();
        out.write(body);
        for (Object chunk : chunks == null ? List.of() : chunks) {
            out.write(((String) chunk).getBytes(StandardCharsets.UTF_8));
            out.flush();
        }
        if (length > 0) {
            out.flush();
        }
    }

    /** A request as it came. */
    static final class Asked {
        final String method;
        final String path;
        final Map<String, Object> query = new LinkedHashMap<>();
        final Map<String, List<String>> headers;
        final byte[] body;

        Asked(HttpExchange exchange) throws IOException {
            method = exchange.getRequestMethod();
            path = exchange.getRequestURI().getRawPath();
            String raw = exchange.getRequestURI().getRawQuery();
            for (String pair : raw == null ? new String[0] : raw.split("&")) {
                String[] parts = pair.split("=", 2);
                if (query.put(decoded(parts[0]), decoded(parts[1])) != null) {
                    throw new IllegalStateException(parts[0] + " stands twice in the query");
                }
            }
            headers = Map.copyOf(exchange.getRequestHeaders());
            body = exchange.getRequestBody().readAllBytes();
        }

        String header(String name) {
            return headers.entrySet().stream().filter(header -> header.getKey().equalsIgnoreCase(name))
                .map(header -> header.getValue().get(0)).findFirst().orElse(null);
        }

        Object json() throws Json.NotReadable {
            return body.length == 0 ? null : Json.parse(body);
        }

        private static String decoded(String text) {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        }
    }
}
