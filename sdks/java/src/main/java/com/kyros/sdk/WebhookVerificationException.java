package com.kyros.sdk;

/** The request is not one that Kyros sent, or not one that is to be trusted now: answer 401. */
public final class WebhookVerificationException extends Exception {
    private static final long serialVersionUID = 1L;

    WebhookVerificationException(String message) {
        super(message);
    }
}
