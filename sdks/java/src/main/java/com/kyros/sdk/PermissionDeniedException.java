package com.kyros.sdk;

/** 403: the API key is good, but lacks the permission that the message names. */
public final class PermissionDeniedException extends KyrosException {
    private static final long serialVersionUID = 1L;

    PermissionDeniedException(String message, Answered answered) {
        super(message, "Use a key that has the permission; an admin can make one.", answered);
    }
}
