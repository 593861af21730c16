package com.kyros.sdk;

/** 5xx, or an answer that is not the API's at all (code {@code unreadable_answer}). */
public final class ServerException extends KyrosException {
    private static final long serialVersionUID = 1L;

    ServerException(String message, Answered answered) {
        super(message, "", answered);
    }
}
