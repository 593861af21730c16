package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.kyros.sdk.internal.Json;
import com.kyros.sdk.models.Task;
import com.kyros.sdk.models.WebhookEvent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What Kyros, or OpenSSL in its place, signed is accepted; everything else is refused. */
class WebhooksTest {
    private static final Duration TOLERANCE = Duration.ofSeconds(300);
    private static final Map<String, String> SENTENCES = Map.of(
        "wrong signature", "(No signature in webhook-signature matches|.*X-Kyros-Signature does not match).*",
        "stale timestamp", ".*(too old|from the future).*",
        "missing header", ".*(not signed|is missing).*",
        "no time", ".*covers no time.*",
        "malformed signature", ".*not 64 lower-case hexadecimal digits.*",
        "malformed timestamp", ".*not a time in seconds.*");

    @TestFactory
    Stream<DynamicTest> vectors() {
        List<Map<String, Object>> vectors = CasesTest.maps(
            CasesTest.read(CasesTest.VECTORS.resolve("webhook_signatures.json")));
        assertTrue(vectors.size() > 10);
        return vectors.stream().map(vector -> DynamicTest.dynamicTest((String) vector.get("name"), () -> {
            if (vector.get("refused") == null) {
                accepts(vector);
            } else {
                refuses(vector);
            }
        }));
    }

    private static void accepts(Map<String, Object> vector) throws Exception {
        Map<String, String> standard = Map.of(
            "Webhook-Id", (String) vector.get("id"),
            "webhook-timestamp", vector.get("timestamp").toString(),
            "WEBHOOK-SIGNATURE", (String) vector.get("webhook_signature"));
        Map<String, String> bare = Map.of("x-kyros-signature", (String) vector.get("hex_signature"));
        Object expected = Json.parse(body(vector));
        assertEquals(expected, verified(vector, standard, false).toMap());
        assertEquals(expected, verified(vector, standard, true).toMap());
        assertEquals(expected, verified(vector, bare, true).toMap());
    }

    private static void refuses(Map<String, Object> vector) {
        Map<String, String> headers = new java.util.HashMap<>();
        CasesTest.map(vector.get("headers")).forEach((name, value) -> headers.put(name, (String) value));
        WebhookVerificationException refused = assertThrows(
            WebhookVerificationException.class,
            () -> verified(vector, headers, (Boolean) vector.get("allow_untimed")));
        assertTrue(refused.getMessage().matches(SENTENCES.get(vector.get("refused"))), refused.getMessage());
    }

    private static WebhookEvent verified(
            Map<String, Object> vector, Map<String, String> headers, boolean allowsUntimed) throws Exception {
        Instant now = Instant.ofEpochSecond(((Number) vector.get("now")).longValue());
        return Webhooks.verify(
            body(vector), Webhooks.inAnyCase(headers), (String) vector.get("secret"), TOLERANCE, now, allowsUntimed);
    }

    private static byte[] body(Map<String, Object> vector) {
        return ((String) vector.get("body")).getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void anEventHoldsItsTask() throws Exception {
        String body = "{\"id\":\"evt_1\",\"type\":\"task.completed\",\"created_at\":\"2026-01-01T00:00:00Z\","
            + "\"data\":{\"id\":\"task_1\",\"type\":\"review\"}}";
        WebhookEvent event = untimed(bytes(body), signed(bytes(body)));
        assertEquals("task.completed", event.getType());
        assertEquals(Instant.parse("2026-01-01T00:00:00Z"), event.getCreatedAt());
        assertEquals(Task.Type.REVIEW, new Task(event.getData()).getType());
    }

    @Test
    void whatIsSignedButNoObjectIsRefused() throws Exception {
        for (byte[] body : List.of(bytes("[]"), bytes("{"), bytes("{} {}"), new byte[] {'"', (byte) 0xff, '"'})) {
            String signature = signed(body);
            assertThrows(WebhookVerificationException.class, () -> untimed(body, signature));
        }
    }

    @Test
    void noChangedByteIsAccepted() throws Exception {
        byte[] body = bytes("{\"type\":\"test\",\"data\":{}}");
        String signature = signed(body);
        for (int at = 0; at < body.length; at++) {
            byte[] changed = body.clone();
            changed[at] ^= 1;
            assertThrows(WebhookVerificationException.class, () -> untimed(changed, signature));
        }
    }

    @Test
    void whatHasNoTimeIsTakenOnlyWhereItIsAllowed() throws Exception {
        byte[] body = bytes("{\"type\":\"test\",\"data\":{}}");
        Map<String, String> headers = Map.of("X-Kyros-Signature", signed(body));
        assertThrows(WebhookVerificationException.class, () -> Webhooks.verify(body, headers, "secret"));
        assertEquals("test", untimed(body, signed(body)).getType());
    }

    @Test
    void withoutASecretAnybodyCouldSign() {
        assertThrows(IllegalArgumentException.class, () -> Webhooks.verify(new byte[0], Map.of(), ""));
    }

    private static WebhookEvent untimed(byte[] body, String signature) throws WebhookVerificationException {
        return Webhooks.verifyAllowingUntimed(body, Map.of("X-Kyros-Signature", signature)::get, "secret");
    }

    private static String signed(byte[] body) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(bytes("secret"), "HmacSHA256"));
        StringBuilder hex = new StringBuilder();
        for (byte one : mac.doFinal(body)) {
            hex.append(String.format("%02x", one));
        }
        return hex.toString();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
