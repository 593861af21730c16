package com.kyros.sdk;

/** 401: the API key is missing, unknown, expired or revoked. */
public final class AuthenticationException extends KyrosException {
    private static final long serialVersionUID = 1L;

    AuthenticationException(String message, Answered answered) {
        super(message, "Check the API key (apiKey, or KYROS_API_KEY).", answered);
    }
}
