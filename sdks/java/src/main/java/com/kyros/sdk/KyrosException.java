package com.kyros.sdk;

import java.time.Duration;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The API refused, or could not be asked. The subclasses say what the caller can do; the message is a
 * sentence for a person, safe to print.
 */
public class KyrosException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String reason;
    private final Integer status;
    private final String code;
    private final String requestId;
    private final Duration retryAfter;

    KyrosException(String message, String advice, Answered answered) {
        super(told(message, advice, answered));
        reason = message;
        status = answered.status;
        code = answered.code;
        requestId = answered.requestId;
        retryAfter = answered.retryAfter;
    }

    KyrosException(String message, String advice, String code, Throwable cause) {
        super(told(message, advice, new Answered(null, code, null, null)), cause);
        reason = message;
        this.status = null;
        this.code = code;
        this.requestId = null;
        this.retryAfter = null;
    }

    /** What is wrong in one sentence: the API's own, where it answered. The message has more after it. */
    public String getReason() {
        return reason;
    }

    /** The answer's HTTP status; null when none came. */
    public Integer getStatus() {
        return status;
    }

    /** A stable word for what is wrong. */
    public String getCode() {
        return code;
    }

    /** What finds the request in the logs; null when no answer came. */
    public String getRequestId() {
        return requestId;
    }

    /** After how long the API said to ask again; null when it said nothing. */
    public Duration getRetryAfter() {
        return retryAfter;
    }

    private static String told(String message, String advice, Answered answered) {
        String known = Stream.of(answered.status == null ? null : "HTTP " + answered.status, answered.code,
                answered.requestId)
            .filter(Objects::nonNull).collect(Collectors.joining(", ", "[", "]"));
        return Stream.of(message, advice, known).filter(part -> !part.isEmpty()).collect(Collectors.joining(" "));
    }

    /** What an answer tells beside its sentence. */
    static final class Answered {
        final Integer status;
        final String code;
        final String requestId;
        final Duration retryAfter;

        Answered(Integer status, String code, String requestId, Duration retryAfter) {
            this.status = status;
            this.code = code;
            this.requestId = requestId;
            this.retryAfter = retryAfter;
        }
    }
}
