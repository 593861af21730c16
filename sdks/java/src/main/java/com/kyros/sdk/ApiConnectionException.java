package com.kyros.sdk;

/** No answer came, or only a part of it. */
public class ApiConnectionException extends KyrosException {
    private static final long serialVersionUID = 1L;

    ApiConnectionException(String message, Throwable cause) {
        this(message, "Check baseUrl (or KYROS_API_URL), and that Kyros runs there.", "connection_failed", cause);
    }

    ApiConnectionException(String message, String advice, String code, Throwable cause) {
        super(message, advice, code, cause);
    }
}
