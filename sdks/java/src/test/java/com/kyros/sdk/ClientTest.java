package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.kyros.sdk.internal.Json;
import com.kyros.sdk.models.AgentContext;
import com.kyros.sdk.models.ApiKey;
import com.kyros.sdk.models.Task;
import com.kyros.sdk.models.TaskEvent;
import com.kyros.sdk.models.TaskFilter;
import com.kyros.sdk.models.TaskStatus;
import com.kyros.sdk.models.Webhook;
import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the shared cases can't say: threads, interrupts, values, words, what is logged. */
@Timeout(60)
class ClientTest {
    private static final String KEY = "kyros_test_key";
    private static final String EVENT =
        "id: 1\nevent: task.started\ndata: {\"seq\": 1, \"type\": \"task.started\"}\n\n";

    private ScriptedServer server;
    private KyrosClient client;

    @BeforeEach
    void start() throws IOException {
        server = new ScriptedServer();
        client = builder().build();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private KyrosClient.Builder builder() {
        return new KyrosClient.Builder().apiKey(KEY).baseUrl(server.url()).timeout(Duration.ofSeconds(20));
    }

    private static Task titled(String title) {
        return new Task.Builder().title(title).build();
    }

    @Test
    void manyThreadsShareAClient() throws Exception {
        server.always = asked -> {
            try {
                return ScriptedServer.data(Map.of("id", Json.object(asked.json()).get("title")));
            } catch (Json.NotReadable wrong) {
                throw new IllegalStateException(wrong);
            }
        };
        ExecutorService threads = Executors.newFixedThreadPool(16);
        List<Future<Task>> made = new ArrayList<>();
        for (int number = 0; number < 200; number++) {
            Task task = titled("task " + number);
            made.add(threads.submit(() -> client.tasks().create(task)));
        }
        for (int number = 0; number < 200; number++) {
            assertEquals("task " + number, made.get(number).get().getId());
        }
        threads.shutdown();
        assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS));
        assertEquals(200, server.asked.stream().map(one -> one.header("Idempotency-Key")).distinct().count());
    }

    @Test
    void anInterruptEndsACallAndTheThreadStaysInterrupted() throws Exception {
        server.answers(Map.of("hang", true));
        interrupted(() -> client.tasks().get("task_1"));
        assertEquals(1, server.asked.size());
    }

    @Test
    void anInterruptEndsAPause() throws Exception {
        server.answers(Map.of("status", 503, "headers", Map.of("Retry-After", "60")));
        interrupted(() -> client.tasks().get("task_1"));
        assertEquals(1, server.asked.size());
    }

    private void interrupted(Runnable call) throws Exception {
        List<Object> seen = new ArrayList<>();
        Thread thread = new Thread(() -> {
            try {
                call.run();
            } catch (CallInterruptedException error) {
                seen.add(error.getCode());
                seen.add(Thread.currentThread().isInterrupted());
            }
        });
        thread.start();
        while (server.asked.isEmpty()) {
            Thread.onSpinWait();
        }
        thread.interrupt();
        thread.join(20_000);
        assertEquals(List.of("interrupted", true), seen);
    }

    @Test
    void aStreamThatIsLeftGivesNoMore() {
        server.answers(stream(EVENT, EVENT));
        server.answers(ScriptedServer.data(Map.of("id", "task_1")));
        List<Long> seen = new ArrayList<>();
        EventStream events = client.tasks().stream("task_1");
        try (events) {
            for (TaskEvent event : events) {
                seen.add(event.getSeq());
                break;
            }
        }
        assertTrue(!events.iterator().hasNext());
        assertEquals(List.of(1L), seen);
        assertEquals("task_1", client.tasks().get("task_1").getId());
    }

    @Test
    void anAnswerThatStopsHalfWayTimesOut() {
        server.answers(Map.of("status", 200, "chunks", List.of("{\"success\": tr"), "then", "hang"));
        KyrosClient hurried = builder().timeout(Duration.ofMillis(500)).maxRetries(0).build();
        KyrosException late = assertThrows(ApiTimeoutException.class, () -> hurried.tasks().get("task_1"));
        assertEquals("timeout", late.getCode());
        assertTrue(late.getMessage().contains("did not answer within 0.5 seconds"), late.getMessage());
    }

    @Test
    void aStreamThatAnotherThreadClosesIsOver() throws Exception {
        Map<String, Object> quiet = new HashMap<>(stream(EVENT));
        quiet.put("then", "hang");
        server.always = asked -> quiet;
        EventStream events = client.tasks().stream("task_1");
        Iterator<TaskEvent> iterator = events.iterator();
        assertEquals(1L, iterator.next().getSeq());
        FutureTask<Boolean> reads = new FutureTask<>(iterator::hasNext);
        Thread reader = new Thread(reads);
        reader.start();
        while (reader.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        events.close();
        assertEquals(false, reads.get(20, TimeUnit.SECONDS));
        assertThrows(NoSuchElementException.class, iterator::next);
        assertEquals(1, server.asked.size());
    }

    @Test
    void anAnswerThatBeginsTooLateIsLeft() {
        CompletableFuture<Opened> opened = new CompletableFuture<>();
        assertThrows(HttpTimeoutException.class,
            () -> Api.begun(opened, new CompletableFuture<>(), Duration.ofMillis(1)));
        assertLeft(opened);
    }

    @Test
    void anAnswerThatBeginsAfterAnInterruptIsLeft() {
        CompletableFuture<Opened> opened = new CompletableFuture<>();
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class,
            () -> Api.begun(opened, new CompletableFuture<>(), Duration.ofSeconds(20)));
        assertLeft(opened);
    }

    /** As before Java 16, where cancelling what was sent stops nothing. */
    private static void assertLeft(CompletableFuture<Opened> opened) {
        Chunks body = new Chunks();
        AtomicBoolean isLeft = new AtomicBoolean();
        opened.complete(new Opened(null, 200, null, body));
        body.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long parts) { }

            @Override
            public void cancel() {
                isLeft.set(true);
            }
        });
        assertTrue(isLeft.get());
    }

    @Test
    void aQuietStreamThatWasCutAfterAWhileUsesUpNoTries() {
        Map<String, Object> comment = stream(": here it comes\n\n");
        List.of(comment, comment, comment, comment).forEach(server::answers);
        server.answers(stream(EVENT, "event: end\ndata: {}\n\n"));
        AtomicLong clock = new AtomicLong();
        KyrosClient patient = builder().maxRetries(1).pause(new Api.Pause() {
            @Override
            public void sleep(Duration time) { }

            @Override
            public long nanoTime() {
                return clock.addAndGet(Duration.ofSeconds(10).toNanos());
            }
        }).build();
        List<Long> seen = new ArrayList<>();
        for (TaskEvent event : patient.tasks().stream("task_1")) {
            seen.add(event.getSeq());
        }
        assertEquals(List.of(1L), seen);
        assertEquals(5, server.asked.size());
    }

    private static Map<String, Object> stream(String... chunks) {
        return Map.of("status", 200, "headers", Map.of("Content-Type", "text/event-stream"), "chunks", List.of(chunks));
    }

    @Test
    void aListCanBeReadAgainAndAsAStream() {
        server.always = asked -> ScriptedServer.data(
            Map.of("tasks", List.of(Map.of("id", "task_1")), "has_more", false));
        Pages<Task> tasks = client.tasks().list(new TaskFilter.Builder().words("a b").build()).pageSize(1);
        for (int round = 0; round < 2; round++) {
            assertEquals(List.of("task_1"), tasks.stream().map(Task::getId).collect(Collectors.toList()));
        }
        assertEquals(Map.of("q", "a b", "limit", "1"), server.asked.get(1).query);
    }

    @Test
    void waitForGivesUpWhenTold() {
        server.always = asked -> ScriptedServer.data(Map.of("id", "task_1", "status", "in_progress"));
        ApiTimeoutException late = assertThrows(ApiTimeoutException.class,
            () -> client.tasks().waitFor("task_1", Duration.ofMillis(500)));
        // A busy machine may not have answered the first look by then; the shared cases hold the words.
        assertEquals("wait_timeout", late.getCode());
        assertTrue(late.getMessage().contains("task_1"), late.getMessage());
        server.asked.forEach(one -> assertEquals(Map.of(), one.query));
    }

    @Test
    void waitForSaysThatTheTimeIsOverAlsoWhereNothingIsTriedAgain() {
        server.answers(Map.of("hang", true));
        KyrosClient once = builder().maxRetries(0).build();
        ApiTimeoutException late = assertThrows(ApiTimeoutException.class,
            () -> once.tasks().waitFor("task_1", Duration.ofMillis(100)));
        assertEquals("wait_timeout", late.getCode());
        assertEquals("timeout", assertInstanceOf(ApiTimeoutException.class, late.getCause()).getCode());
        server.answers(Map.of("status", 503));
        assertThrows(ServerException.class, () -> once.tasks().waitFor("task_1", Duration.ofMinutes(1)));
    }

    @Test
    void waitForIsOverInTimeThoughAnAnswerTrickles() {
        server.always = asked -> Map.of("status", 200, "chunks", List.of("{"), "then", "trickle");
        ApiTimeoutException late = assertThrows(ApiTimeoutException.class,
            () -> client.tasks().waitFor("task_1", Duration.ofMillis(100)));
        assertEquals("wait_timeout", late.getCode());
    }

    @Test
    void waitForMayTakeForEver() {
        server.always = asked -> ScriptedServer.data(Map.of("id", "task_1", "status", "completed"));
        assertEquals("task_1", client.tasks().waitFor("task_1", ChronoUnit.FOREVER.getDuration()).getId());
        assertEquals(Map.of("wait", "30"), server.asked.get(0).query);
    }

    @Test
    void whatACallbackThrowsComesOut() {
        server.always = asked -> ScriptedServer.data(Map.of("id", "task_1", "status", "completed"));
        assertThrows(UnsupportedOperationException.class, () -> client.tasks().waitFor("task_1", null, task -> {
            throw new UnsupportedOperationException("mine");
        }));
    }

    @Test
    void withoutAnAddressItIsThisMachinesOwnStack() {
        assertEquals("http://127.0.0.1:8000/v1", Address.baseUrl(null, name -> null));
    }

    @Test
    void aHostMayBeCalledV1() {
        assertEquals("http://v1/v1", Address.baseUrl("http://v1/", name -> null));
        assertEquals("https://a.test/x/v1", Address.baseUrl("https://a.test/x/v1//", name -> null));
    }

    @Test
    void timesAndTriesThatAreNoneAreRefused() {
        for (Duration wrong : List.of(Duration.ZERO, Duration.ofSeconds(-1), ChronoUnit.FOREVER.getDuration())) {
            assertThrows(IllegalArgumentException.class, () -> builder().timeout(wrong));
        }
        assertThrows(IllegalArgumentException.class, () -> builder().maxRetries(-1));
        server.always = asked -> ScriptedServer.data(Map.of("id", "task_1"));
        KyrosClient patient = builder().timeout(Duration.ofDays(365)).maxRetries(0).build();
        assertEquals("task_1", patient.tasks().get("task_1").getId());
    }

    @Test
    void whatJsonCannotSayIsRefusedBeforeAnythingIsSent() {
        for (Object wrong : List.of(Double.NaN, Float.POSITIVE_INFINITY, new Object(), Map.of(1, 2), "\ud800")) {
            assertThrows(IllegalArgumentException.class, () -> client.tasks().create(
                new Task.Builder().title("a").metadata(Map.of("wrong", wrong)).build()));
        }
        assertTrue(server.asked.isEmpty());
    }

    @Test
    void aKeyThatNoHeaderCanCarryIsRefused() {
        for (String wrong : List.of("", " ", "a b", "ä", "a\n", "x".repeat(256))) {
            assertThrows(IllegalArgumentException.class, () -> client.tasks().create(titled("a"), wrong));
        }
        assertTrue(server.asked.isEmpty());
    }

    @Test
    void whateverPostsTakesAKey() {
        server.always = asked -> ScriptedServer.data(Map.of("id", "a", "tasks", List.of()));
        List<Supplier<?>> acts = List.of(
            () -> client.tasks().create(titled("a"), "mine"),
            () -> client.tasks().createBatch(List.of(titled("a")), "mine"),
            () -> client.tasks().cancel("task_1", "mine"),
            () -> client.tasks().retry("task_1", "mine"),
            () -> client.agents().submit("critic", "task_1", null, "mine"),
            () -> client.agents().register("a", List.of("b"), "available", "mine"),
            () -> client.escalations().submit("task_1", "a", null, "mine"),
            () -> client.escalations().approve("esc_1", null, "mine"),
            () -> client.escalations().reject("esc_1", null, "mine"),
            () -> client.webhooks().create(new Webhook.Builder().url("http://a.test").build(), "mine"),
            () -> client.webhooks().rotateSecret("whk_1", "mine"),
            () -> client.webhooks().activateSecret("whk_1", "mine"),
            () -> client.webhooks().test("whk_1", "mine"),
            () -> client.webhooks().redeliver("whk_1", "dlv_1", "mine"),
            () -> client.webhooks().replay("whk_1", Instant.EPOCH, "mine"),
            () -> client.apiKeys().create(new ApiKey.Builder().name("a").build(), "mine"),
            () -> client.apiKeys().rotate("key_1", null, "mine"));
        acts.forEach(Supplier::get);
        assertEquals(acts.size(), server.asked.size());
        server.asked.forEach(one -> assertEquals("mine", one.header("Idempotency-Key"), one.path));
    }

    @Test
    void valuesAreSentAsTheyAre() throws Exception {
        server.always = asked -> ScriptedServer.data(Map.of("id", "task_1"));
        Map<String, Object> metadata = new HashMap<>();
        metadata.put("money", new BigDecimal("0.10"));
        metadata.put("at", Instant.parse("2026-01-01T00:00:00Z"));
        metadata.put("of", Set.of(Task.Type.REVIEW));
        metadata.put("nothing", null);
        client.tasks().create(new Task.Builder().title("a").type("poetry").metadata(metadata)
            .context(new AgentContext.Builder().repositoryState("b").build()).set("newer", 1L).build());
        assertEquals(Json.parse(("{\"title\":\"a\",\"type\":\"poetry\",\"metadata\":{\"money\":0.10,"
            + "\"at\":\"2026-01-01T00:00:00Z\",\"of\":[\"review\"],\"nothing\":null},"
            + "\"context\":{\"repository_state\":\"b\"},\"newer\":1}").getBytes()), server.asked.get(0).json());
    }

    @Test
    void modelsAreWhatTheyHold() {
        List<String> criteria = new ArrayList<>(List.of("a"));
        Task.Builder builder = new Task.Builder().title("Fix it").acceptanceCriteria(criteria)
            .addAcceptanceCriterion("b").priority(Task.Priority.HIGH).set("newer", Map.of("x", List.of(1)));
        Task task = builder.build();
        builder.addAcceptanceCriterion("c").title("Other");
        criteria.add("d");
        assertEquals(List.of("a", "b"), task.getAcceptanceCriteria());
        assertEquals("Fix it", task.getTitle());
        assertEquals(List.of(1), task.get("newer", "x"));
        assertNull(task.get("newer", "y", "z"));
        assertNull(task.getProgress());
        assertEquals(new Task(task.toMap()), task);
        assertEquals(new Task(task.toMap()).hashCode(), task.hashCode());
        assertNotEquals(titled("Fix it"), task);
        assertEquals("Task{\"title\":\"Fix it\"}", titled("Fix it").toString());
        assertEquals("ApiKey{\"id\":\"key_1\",\"key\":\"hidden\"}",
            new ApiKey.Builder().set("id", "key_1").set("key", "kyros_test_secret").build().toString());
        assertThrows(UnsupportedOperationException.class, () -> task.toMap().clear());
        assertThrows(UnsupportedOperationException.class, () -> task.getAcceptanceCriteria().clear());
    }

    @Test
    void aFieldOfAnotherTypeIsNullAndStillReadable() {
        Task task = new Task(Map.of("title", 1, "cost_usd", "free", "created_at", "soon", "progress", "half",
            "deadline_seconds", new BigDecimal("1e999999999"), "acceptance_criteria", List.of(1, "a")));
        assertNull(task.getTitle());
        assertNull(task.getCostUsd());
        assertNull(task.getCreatedAt());
        assertNull(task.getProgress());
        assertNull(task.getDeadlineSeconds());
        assertEquals(List.of("a"), task.getAcceptanceCriteria());
        assertEquals("free", task.get("cost_usd"));
    }

    @Test
    void wordsAreOpen() {
        assertSame(TaskStatus.Status.COMPLETED, TaskStatus.Status.of("completed"));
        assertSame(TaskStatus.Status.COMPLETED, new Task(Map.of("status", "completed")).getStatus());
        Task.Type poetry = new Task(Map.of("type", "poetry")).getType();
        assertEquals(Task.Type.of("poetry"), poetry);
        assertEquals("poetry", poetry.toString());
        assertEquals(1, new HashSet<>(List.of(poetry)).size());
        assertTrue(Set.of(poetry, Task.Type.REVIEW).contains(Task.Type.of("poetry")));
        assertNotEquals(Task.Type.of("high"), Task.Priority.HIGH);
    }

    @Test
    void errorsSayWhatToDo() {
        Map<String, Object> told = new HashMap<>(Map.of("error", "No.", "code", "some", "request_id", "req_1"));
        server.answers(Map.of("status", 401, "body", told));
        KyrosException refused = assertThrows(AuthenticationException.class, () -> client.tasks().get("task_1"));
        assertEquals("No. Check the API key (apiKey, or KYROS_API_KEY). [HTTP 401, some, req_1]", refused.getMessage());
        Map<String, Object> wrong = new HashMap<>(told);
        wrong.put("details", List.of(Map.of("field", "title", "message", "is missing")));
        server.answers(Map.of("status", 422, "body", wrong));
        KyrosException invalid = assertThrows(ValidationException.class, () -> client.tasks().create(titled("")));
        assertEquals("No. [HTTP 422, some, req_1]\n  title: is missing", invalid.getMessage());
    }

    @Test
    void whatBrokeIsKept() {
        server.answers(Map.of("close", true));
        KyrosException broken = assertThrows(ApiConnectionException.class,
            () -> builder().maxRetries(0).build().tasks().get("task_1"));
        assertInstanceOf(IOException.class, broken.getCause());
    }

    @Test
    void changesAreSentAlone() throws Exception {
        server.always = asked -> ScriptedServer.data(Map.of("id", "whk_1"));
        client.webhooks().update("whk_1", new Webhook.Builder().enabled(false).build());
        assertEquals(Map.of("enabled", false), server.asked.get(0).json());
    }

    @Test
    void noLogLineShowsTheKey() {
        List<String> lines = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                lines.add(line.getMessage());
            }

            @Override
            public void flush() { }

            @Override
            public void close() { }
        };
        Logger logger = Logger.getLogger("com.kyros.sdk");
        logger.setUseParentHandlers(false);
        logger.setLevel(Level.ALL);
        logger.addHandler(handler);
        try {
            server.answers(Map.of("status", 503, "headers", Map.of("Retry-After", "0")));
            server.answers(ScriptedServer.data(Map.of("id", "task_1")));
            client.tasks().get("task_1");
        } finally {
            logger.removeHandler(handler);
        }
        String all = String.join("\n", lines);
        assertTrue(all.contains("GET /v1/tasks/task_1: 503"), all);
        assertTrue(all.contains("trying again in"), all);
        assertTrue(!all.contains(KEY), all);
    }
}
