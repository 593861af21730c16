package com.kyros.sdk;

/** 409: not in the state that it is in, or the Idempotency-Key was used for another body. */
public final class ConflictException extends KyrosException {
    private static final long serialVersionUID = 1L;

    ConflictException(String message, Answered answered) {
        super(message, "", answered);
    }
}
