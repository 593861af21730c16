package com.kyros.sdk;

/** 429: too many requests; {@link #getRetryAfter} says when to ask again. */
public final class RateLimitException extends KyrosException {
    private static final long serialVersionUID = 1L;

    RateLimitException(String message, Answered answered) {
        super(message, "Ask less often.", answered);
    }
}
