package com.kyros.sdk;

import com.kyros.sdk.internal.Json;
import com.kyros.sdk.internal.Json.NotReadable;
import com.kyros.sdk.KyrosException.Answered;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A whole answer, and what it means: its data, or the error that it tells (pure). */
final class Answer {
    private static final int REDIRECT = 300;
    private static final int ERROR = 400;
    private static final int SERVER_ERROR = 500;

    private final URI asked;
    private final int status;
    private final HttpHeaders headers;
    private final byte[] body;

    Answer(URI asked, int status, HttpHeaders headers, byte[] body) {
        this.asked = asked;
        this.status = status;
        this.headers = headers;
        this.body = body;
    }

    /** What is made of the answer's data; throws the error that the answer is instead. */
    <T> T read(Reads<T> reads) {
        if (status >= REDIRECT) {
            throw refused();
        }
        try {
            return reads.read(Json.object(Json.object(Json.parse(body)).get("data")));
        } catch (NotReadable wrong) {
            throw unreadable(wrong);
        }
    }

    /** The error that the answer tells. */
    KyrosException refused() {
        try {
            Map<String, Object> told = Json.object(Json.parse(body));
            if (status >= ERROR && told.get("error") instanceof String && told.get("code") instanceof String) {
                return error((String) told.get("error"), (String) told.get("code"), told);
            }
            return unreadable(null);
        } catch (NotReadable wrong) {
            return unreadable(wrong);
        }
    }

    /** The error for an answer that is not the API's. */
    KyrosException unreadable(Throwable cause) {
        String kind = headers.firstValue("Content-Type").orElse("no content type");
        String message = "What answered at " + asked.getScheme() + "://" + asked.getRawAuthority()
            + " is not the Kyros API (" + kind + "). Check baseUrl (or KYROS_API_URL)."
            + headers.firstValue("Location").map(to ->
                " It redirects to " + to + ", which is not followed: the key would go along.").orElse("");
        KyrosException error = error(message, "unreadable_answer", Map.of());
        if (cause != null) {
            error.initCause(cause);
        }
        return error;
    }

    private KyrosException error(String message, String code, Map<String, Object> told) {
        String requestId = told.get("request_id") instanceof String
            ? (String) told.get("request_id") : headers.firstValue("X-Request-Id").orElse(null);
        Answered answered = new Answered(status, code, requestId,
            headers.firstValue("Retry-After").map(value -> Retry.after(value, Instant.now())).orElse(null));
        switch (status) {
            case 401:
                return new AuthenticationException(message, answered);
            case 403:
                return new PermissionDeniedException(message, answered);
            case 404:
                return new NotFoundException(message, answered);
            case 409:
                return new ConflictException(message, answered);
            case 429:
                return new RateLimitException(message, answered);
            default:
                return status >= ERROR && status < SERVER_ERROR
                    ? new ValidationException(message, answered, fields(told.get("details")))
                    : new ServerException(message, answered);
        }
    }

    private static List<WrongField> fields(Object details) {
        List<WrongField> fields = new ArrayList<>();
        if (details instanceof List) {
            for (Object wrong : (List<?>) details) {
                if (wrong instanceof Map) {
                    Map<?, ?> told = (Map<?, ?>) wrong;
                    fields.add(new WrongField(String.valueOf(told.get("field")), String.valueOf(told.get("message"))));
                }
            }
        }
        return fields;
    }

    /** Makes something of an answer's data. */
    @FunctionalInterface
    interface Reads<T> {
        T read(Map<String, Object> data) throws NotReadable;
    }
}
