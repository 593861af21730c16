package com.kyros.sdk;

import com.kyros.sdk.internal.Json;
import com.kyros.sdk.internal.Json.NotReadable;
import com.kyros.sdk.models.WebhookEvent;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies what Kyros sends to a webhook.
 *
 * <p>Give the bytes of the body as they came: parsed and written again, they may differ. The Standard
 * Webhooks headers ({@code webhook-id}, {@code webhook-timestamp}, {@code webhook-signature}) are
 * checked; {@code X-Kyros-Signature}, which covers no time, is enough for {@link #verifyAllowingUntimed}
 * only.
 */
public final class Webhooks {
    private static final Duration TOLERANCE = Duration.ofMinutes(5);
    private static final String ID = "webhook-id";
    private static final String TIMESTAMP = "webhook-timestamp";
    private static final String SIGNATURE = "webhook-signature";
    private static final String BARE_SIGNATURE = "X-Kyros-Signature";
    private static final String PREFIX = "whsec_";
    /** Base64 of one byte or more; the padding may be left out. */
    private static final Pattern BASE64 = Pattern.compile(
        "(?=..)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?");

    private Webhooks() {}

    /**
     * The event in a request's body, once its signature is found to be right.
     *
     * @param body the bytes of the body, as they came
     * @param header gives a header by its name in any case, or null: {@code request::getHeader}
     * @param secret the webhook's secret, as it was shown or typed
     * @return the event
     * @throws WebhookVerificationException with a sentence that says what is wrong
     */
    public static WebhookEvent verify(byte[] body, Function<String, String> header, String secret)
            throws WebhookVerificationException {
        return verify(body, header, secret, TOLERANCE);
    }

    /** The same with the headers in a map, their names in any case. */
    public static WebhookEvent verify(byte[] body, Map<String, String> headers, String secret)
            throws WebhookVerificationException {
        return verify(body, inAnyCase(headers), secret);
    }

    /** The same; a message further than that away from this machine's clock is refused (5 minutes). */
    public static WebhookEvent verify(
            byte[] body, Function<String, String> header, String secret, Duration tolerance)
            throws WebhookVerificationException {
        return verify(body, header, secret, tolerance, Instant.now(), false);
    }

    /**
     * The same; where none of the {@code webhook-…} headers is there, {@code X-Kyros-Signature} does.
     * It covers no time, so whoever recorded a request can send it again at any time.
     */
    public static WebhookEvent verifyAllowingUntimed(byte[] body, Function<String, String> header, String secret)
            throws WebhookVerificationException {
        return verify(body, header, secret, TOLERANCE, Instant.now(), true);
    }

    static WebhookEvent verify(
            byte[] body, Function<String, String> header, String secret, Duration tolerance, Instant now,
            boolean allowsUntimed)
            throws WebhookVerificationException {
        if (secret == null || secret.isEmpty()) {
            throw new IllegalArgumentException("secret is empty: with it, anybody could sign.");
        }
        boolean isStandard = header.apply(ID) != null || header.apply(TIMESTAMP) != null
            || header.apply(SIGNATURE) != null;
        if (isStandard) {
            verifyStandard(body, header, secret, tolerance, now);
        } else {
            verifyBare(body, header.apply(BARE_SIGNATURE), secret, allowsUntimed);
        }
        try {
            return new WebhookEvent(Json.object(Json.parse(body)));
        } catch (NotReadable wrong) {
            throw new WebhookVerificationException("The body is signed, but is not a JSON object.");
        }
    }

    static Function<String, String> inAnyCase(Map<String, String> headers) {
        Map<String, String> found = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.forEach((name, value) -> {
            if (name != null) {
                found.put(name, value);
            }
        });
        return found::get;
    }

    private static void verifyStandard(
            byte[] body, Function<String, String> header, String secret, Duration tolerance, Instant now)
            throws WebhookVerificationException {
        String id = required(header, ID);
        String timestamp = required(header, TIMESTAMP);
        String signatures = required(header, SIGNATURE);
        if (!timestamp.matches("[0-9]{1,12}")) {
            throw new WebhookVerificationException("The header webhook-timestamp is not a time in seconds.");
        }
        byte[] digest = hmac(standardKey(secret), bytes(id + "." + timestamp + "."), body);
        byte[] expected = bytes("v1," + Base64.getEncoder().encodeToString(digest));
        boolean matches = false;
        for (String signature : signatures.split(" ")) {
            matches |= MessageDigest.isEqual(expected, bytes(signature));
        }
        if (!matches) {
            throw new WebhookVerificationException("No signature in webhook-signature matches.");
        }
        Duration age = Duration.between(Instant.ofEpochSecond(Long.parseLong(timestamp)), now);
        String most = "more than " + tolerance.toSeconds() + " seconds";
        if (age.compareTo(tolerance) > 0) {
            throw new WebhookVerificationException("The message is too old: " + most + ".");
        }
        if (age.negated().compareTo(tolerance) > 0) {
            throw new WebhookVerificationException(
                "The message is from the future, by " + most + ": is the clock right?");
        }
    }

    private static void verifyBare(byte[] body, String signature, String secret, boolean allowsUntimed)
            throws WebhookVerificationException {
        if (signature == null) {
            throw new WebhookVerificationException("The request is not signed: it has neither " + SIGNATURE
                + " nor " + BARE_SIGNATURE + ".");
        }
        if (!allowsUntimed) {
            throw new WebhookVerificationException("The request has " + BARE_SIGNATURE
                + " alone, which covers no time: " + SIGNATURE + " is missing.");
        }
        if (!signature.matches("[0-9a-f]{64}")) {
            throw new WebhookVerificationException(
                "The header " + BARE_SIGNATURE + " is not 64 lower-case hexadecimal digits.");
        }
        StringBuilder expected = new StringBuilder();
        for (byte one : hmac(bytes(secret), body)) {
            expected.append(String.format("%02x", one));
        }
        if (!MessageDigest.isEqual(bytes(expected.toString()), bytes(signature))) {
            throw new WebhookVerificationException("The signature in " + BARE_SIGNATURE + " does not match.");
        }
    }

    /** What a {@code whsec_} secret holds in base64; for any other secret its UTF-8 bytes. */
    private static byte[] standardKey(String secret) {
        String encoded = secret.startsWith(PREFIX) ? secret.substring(PREFIX.length()) : "";
        return BASE64.matcher(encoded).matches() ? Base64.getDecoder().decode(encoded) : bytes(secret);
    }

    private static byte[] hmac(byte[] key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("Every Java has HmacSHA256.", impossible);
        }
    }

    private static String required(Function<String, String> header, String name)
            throws WebhookVerificationException {
        String value = header.apply(name);
        if (value == null || value.isEmpty()) {
            throw new WebhookVerificationException("The header " + name + " is missing.");
        }
        return value;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
