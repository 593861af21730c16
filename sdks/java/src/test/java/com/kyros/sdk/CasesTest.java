package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.kyros.sdk.ScriptedServer.Asked;
import com.kyros.sdk.internal.Json;
import com.kyros.sdk.models.Model;
import com.kyros.sdk.models.Word;
import java.io.IOException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The shared cases (tests/vectors/README.md) over real HTTP. */
class CasesTest {
    static final Path VECTORS = Path.of(System.getProperty("kyros.vectors"));

    private static final Map<String, Class<?>> CLASSES = Map.of(
        "argument", IllegalArgumentException.class,
        "validation", ValidationException.class,
        "authentication", AuthenticationException.class,
        "permission_denied", PermissionDeniedException.class,
        "not_found", NotFoundException.class,
        "conflict", ConflictException.class,
        "rate_limit", RateLimitException.class,
        "server", ServerException.class,
        "connection", ApiConnectionException.class,
        "timeout", ApiTimeoutException.class);

    @TestFactory
    Stream<DynamicTest> cases() throws IOException {
        try (Stream<Path> files = Files.list(VECTORS.resolve("sdk"))) {
            List<Path> found = files.filter(file -> file.toString().endsWith(".json")).sorted()
                .collect(Collectors.toList());
            assertTrue(found.size() >= 10, "the cases are at -Dkyros.vectors");
            return found.stream().flatMap(CasesTest::in);
        }
    }

    private static Stream<DynamicTest> in(Path file) {
        String about = file.getFileName().toString().replace(".json", ": ");
        return list(read(file)).stream().map(CasesTest::map)
            .map(one -> DynamicTest.dynamicTest(about + one.get("name"), () -> play(one)));
    }

    private static void play(Map<String, Object> unfilled) throws Exception {
        try (ScriptedServer server = new ScriptedServer()) {
            String nobody = ScriptedServer.nobody();
            Map<String, Object> played = map(filled(unfilled, server.url(), nobody));
            List<Map<String, Object>> exchanges = maps(played.get("exchanges"));
            exchanges.stream().map(exchange -> map(exchange.get("answer"))).forEach(server::answers);
            List<Double> pauses = new ArrayList<>();
            List<Map<String, Object>> calls = maps(played.get("calls"));
            for (Played call : called(calls, map(played.getOrDefault("client", Map.of())), server, pauses)) {
                call.compare();
            }
            assertEquals(exchanges.size(), server.asked.size());
            for (int at = 0; at < exchanges.size(); at++) {
                compareRequest(server.asked.get(at), map(exchanges.get(at).get("request")));
            }
            comparePauses(pauses, list(played.getOrDefault("pauses_ms", List.of())));
            compareKeys(server.asked, calls.size());
        }
    }

    private static List<Played> called(
            List<Map<String, Object>> calls, Map<String, Object> options, ScriptedServer server, List<Double> pauses) {
        List<Played> played = calls.stream().map(Played::new).collect(Collectors.toList());
        KyrosClient client;
        try {
            client = client(options, server, pauses);
        } catch (IllegalArgumentException error) {
            played.get(0).error = error;
            return played;
        }
        played.forEach(one -> one.call(client));
        return played;
    }

    private static KyrosClient client(Map<String, Object> options, ScriptedServer server, List<Double> pauses) {
        Map<String, Object> environment = map(options.getOrDefault("environment", Map.of()));
        KyrosClient.Builder client = new KyrosClient.Builder()
            .apiKey((String) options.getOrDefault("api_key", "kyros_test_key"))
            .baseUrl((String) options.getOrDefault("base_url", server.url()))
            .environment(name -> (String) environment.get(name))
            .pause(time -> {
                pauses.add(time.toNanos() / 1e6);
                server.expectsResent(false);
            });
        if (options.containsKey("mode")) {
            client.mode((String) options.get("mode"));
        }
        if (options.containsKey("max_retries")) {
            client.maxRetries((Integer) options.get("max_retries"));
        }
        if (options.containsKey("timeout")) {
            client.timeout(Duration.ofMillis((long) (((Number) options.get("timeout")).doubleValue() * 1000)));
        }
        return client.build();
    }

    private static void compareRequest(Asked asked, Map<String, Object> expected) throws Exception {
        assertEquals(expected.get("method") + " " + expected.get("path"), asked.method + " " + asked.path);
        assertEquals(expected.getOrDefault("query", Map.of()), asked.query);
        assertSameJson(expected.get("body"), asked.json(), "body");
        Map<String, Object> headers = new LinkedHashMap<>();
        headers.put("Accept", asked.path.endsWith("/stream") ? "text/event-stream" : "application/json");
        headers.put("Content-Type", expected.containsKey("body") ? "application/json" : null);
        headers.putAll(map(expected.getOrDefault("headers", Map.of())));
        headers.forEach((name, value) -> assertEquals(value, asked.header(name), name));
        assertTrue(asked.header("User-Agent").startsWith("kyros-"));
        assertTrue(asked.header("Authorization").startsWith("Bearer kyros_test_"));
    }

    private static void comparePauses(List<Double> pauses, List<?> expected) {
        assertEquals(expected.size(), pauses.size(), pauses.toString());
        for (int at = 0; at < pauses.size(); at++) {
            List<?> bounds = list(expected.get(at));
            // What is left of a second is measured; a floating-point number is not exact.
            assertTrue(Math.ceil(pauses.get(at)) >= ((Number) bounds.get(0)).doubleValue(), pauses.toString());
            assertTrue(Math.floor(pauses.get(at)) <= ((Number) bounds.get(1)).doubleValue(), pauses.toString());
        }
    }

    /** One key for all tries of a call, a call of its own each; only a POST has one. */
    private static void compareKeys(List<Asked> asked, int calls) {
        List<String> groups = new ArrayList<>();
        for (Asked one : asked) {
            String key = one.header("Idempotency-Key");
            assertEquals(one.method.equals("POST"), key != null);
            if (key != null) {
                assertTrue(key.matches("[!-~]{1,255}"), key);
                if (groups.isEmpty() || !groups.get(groups.size() - 1).equals(key)) {
                    groups.add(key);
                }
            }
        }
        if (!groups.isEmpty()) {
            assertEquals(calls, groups.size());
            assertEquals(calls, new HashSet<>(groups).size());
        }
    }

    private static void assertSameJson(Object expected, Object read, String where) {
        Object found = read instanceof Model ? ((Model) read).toMap() : read;
        if (expected instanceof Map) {
            assertTrue(found instanceof Map, where + " is " + found);
            assertEquals(map(expected).keySet(), map(found).keySet(), where);
            map(expected).forEach((name, value) -> assertSameJson(value, map(found).get(name), where + "." + name));
        } else if (expected instanceof List) {
            assertTrue(found instanceof List, where + " is " + found);
            assertEquals(list(expected).size(), list(found).size(), where);
            for (int at = 0; at < list(expected).size(); at++) {
                assertSameJson(list(expected).get(at), list(found).get(at), where + "." + at);
            }
        } else if (expected instanceof Number) {
            assertTrue(found instanceof Number, where + " is " + found);
            assertEquals(0, decimal(expected).compareTo(decimal(found)), where + " is " + found);
        } else if (found instanceof Instant) {
            assertEquals(Instant.parse((String) expected), found, where);
        } else {
            assertEquals(expected, found instanceof Word ? found.toString() : found, where);
        }
    }

    private static BigDecimal decimal(Object number) {
        return new BigDecimal(number.toString());
    }

    static Object read(Path file) {
        try {
            return Json.parse(Files.readAllBytes(file));
        } catch (IOException | Json.NotReadable wrong) {
            throw new AssertionError(file.toString(), wrong);
        }
    }

    private static Object filled(Object value, String server, String nobody) {
        if (value instanceof String) {
            return ((String) value).replace("{server}", server).replace("{nobody}", nobody);
        }
        if (value instanceof List) {
            return list(value).stream().map(item -> filled(item, server, nobody)).collect(Collectors.toList());
        }
        if (value instanceof Map) {
            Map<String, Object> fields = new LinkedHashMap<>();
            map(value).forEach((name, item) -> fields.put(name, filled(item, server, nobody)));
            return fields;
        }
        return value;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    static List<?> list(Object value) {
        return (List<?>) value;
    }

    static List<Map<String, Object>> maps(Object value) {
        return list(value).stream().map(CasesTest::map).collect(Collectors.toList());
    }

    /** The getter of a field by the API's name for it; null where the SDK has none. */
    static Method getter(Class<?> model, String name) {
        String camel = Arrays.stream(name.split("_")).filter(part -> !part.isEmpty())
            .map(part -> Character.toUpperCase(part.charAt(0)) + part.substring(1)).collect(Collectors.joining());
        return Stream.of(model.getMethods())
            .filter(method -> method.getDeclaringClass() != Object.class && method.getParameterCount() == 0)
            .filter(method -> method.getName().equals("get" + camel) || method.getName().equals("is" + camel))
            .findFirst().orElse(null);
    }

    /** A call, and what came of it. */
    private static final class Played {
        private final Map<String, Object> call;
        private final Map<String, Object> outcome;
        private final List<Object> items = new ArrayList<>();
        private final List<Object> progress = new ArrayList<>();
        private Object value;
        private RuntimeException error;

        Played(Map<String, Object> call) {
            this.call = call;
            outcome = map(call.get("outcome"));
        }

        void call(KyrosClient client) {
            try {
                Calls calls = new Calls(client, map(call.get("arguments")), call.containsKey("on_progress")
                    ? task -> progress.add(task.getProgress().getPercentage()) : null);
                value = calls.call((String) call.get("method"));
                if (outcome.containsKey("pages")) {
                    ((Pages<?>) value).pages().forEach(items::add);
                } else if (outcome.containsKey("items")) {
                    int take = (Integer) call.getOrDefault("take", Integer.MAX_VALUE);
                    Iterator<?> iterator = ((Iterable<?>) value).iterator();
                    while (items.size() < take && iterator.hasNext()) {
                        items.add(iterator.next());
                    }
                }
            } catch (KyrosException | IllegalArgumentException thrown) {
                error = thrown;
            }
        }

        void compare() {
            if (outcome.containsKey("error")) {
                compareError(map(outcome.get("error")));
            } else if (error != null) {
                throw error;
            }
            if (outcome.containsKey("returns")) {
                compareValue(value, map(outcome.get("returns")));
            }
            if (outcome.containsKey("list")) {
                compareAll(list(value), maps(outcome.get("list")));
            }
            if (outcome.containsKey("items")) {
                compareAll(items, maps(outcome.get("items")));
            }
            if (outcome.containsKey("pages")) {
                assertEquals(outcome.get("pages"), items.stream().map(Played::page).collect(Collectors.toList()));
            }
            assertSameJson(outcome.getOrDefault("progress", List.of()), progress, "progress");
        }

        private static Map<String, Object> page(Object found) {
            Page<?> page = (Page<?>) found;
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("ids", StreamSupport.stream(page.spliterator(), false)
                .map(item -> ((Model) item).get("id")).collect(Collectors.toList()));
            told.put("next_cursor", page.getNextCursor());
            told.put("has_more", page.hasMore());
            return told;
        }

        private static void compareAll(List<?> values, List<Map<String, Object>> expected) {
            assertEquals(expected.size(), values.size());
            for (int at = 0; at < values.size(); at++) {
                compareValue(values.get(at), expected.get(at));
            }
        }

        private static void compareValue(Object value, Map<String, Object> expected) {
            expected.forEach((path, wanted) -> {
                Object found = value;
                for (String part : path.split("\\.")) {
                    found = step(found, part);
                }
                if (wanted instanceof Map && map(wanted).containsKey("decimal")) {
                    assertEquals(BigDecimal.class, found.getClass(), path);
                    assertEquals(0, decimal(map(wanted).get("decimal")).compareTo((BigDecimal) found), path);
                } else if (wanted instanceof Map && map(wanted).containsKey("integer")) {
                    assertEquals(map(wanted).get("integer"), found.toString(), path);
                } else {
                    assertSameJson(wanted, found, path);
                }
            });
        }

        /** By the getter of a field that the SDK knows, else by its name. */
        private static Object step(Object value, String name) {
            if (value instanceof List) {
                return list(value).get(Integer.parseInt(name));
            }
            if (value instanceof Map) {
                return map(value).get(name);
            }
            Model model = (Model) value;
            Method getter = getter(model.getClass(), name);
            if (getter == null) {
                return model.get(name);
            }
            try {
                Object found = getter.invoke(model);
                boolean isAbsent = model.get(name) == null;
                assertEquals(isAbsent, found == null || isAbsent && Boolean.FALSE.equals(found), name);
                return found;
            } catch (ReflectiveOperationException wrong) {
                throw new AssertionError(name, wrong);
            }
        }

        private void compareError(Map<String, Object> expected) {
            assertNotNull(error, "nothing was thrown");
            assertSame(CLASSES.get(expected.get("class")), error.getClass(), error.toString());
            for (Object words : list(expected.getOrDefault("message_contains", List.of()))) {
                assertTrue(error.getMessage().contains((String) words), error.getMessage());
            }
            for (Object words : list(expected.getOrDefault("message_lacks", List.of()))) {
                assertTrue(!error.getMessage().contains((String) words), error.getMessage());
            }
            if (error instanceof KyrosException) {
                compareTold((KyrosException) error, expected);
            }
        }

        private static void compareTold(KyrosException error, Map<String, Object> expected) {
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("reason", error.getReason());
            told.put("status", error.getStatus());
            told.put("code", error.getCode());
            told.put("request_id", error.getRequestId());
            Duration retryAfter = error.getRetryAfter();
            told.put("retry_after", retryAfter == null ? null : (int) retryAfter.toSeconds());
            told.forEach((name, value) -> {
                if (expected.containsKey(name)) {
                    assertEquals(expected.get(name), value, name);
                }
            });
            if (expected.containsKey("fields")) {
                assertEquals(expected.get("fields"), ((ValidationException) error).getFields().stream()
                    .map(wrong -> Map.of("field", wrong.getField(), "message", wrong.getMessage()))
                    .collect(Collectors.toList()));
            }
        }
    }
}
