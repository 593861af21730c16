package com.kyros.sdk;

/** No answer came in time; from {@link Tasks#waitFor}, the task was not final in time. */
public final class ApiTimeoutException extends ApiConnectionException {
    private static final long serialVersionUID = 1L;

    ApiTimeoutException(String message, String code, Throwable cause) {
        super(message, "", code, cause);
    }
}
