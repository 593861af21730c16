package com.kyros.sdk;

/** 404: it does not exist, or not in the key's mode (test or live). */
public final class NotFoundException extends KyrosException {
    private static final long serialVersionUID = 1L;

    NotFoundException(String message, Answered answered) {
        super(message, "", answered);
    }
}
