package com.kyros.sdk;

/** The thread was interrupted while it waited for the API; it still is. */
public final class CallInterruptedException extends KyrosException {
    private static final long serialVersionUID = 1L;

    CallInterruptedException(InterruptedException cause) {
        super("The thread was interrupted while it waited for the API.", "", "interrupted", cause);
    }
}
