package com.kyros.sdk;

import java.io.Serializable;

/** A field of the request that the API refused, and why. */
public final class WrongField implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String field;
    private final String message;

    WrongField(String field, String message) {
        this.field = field;
        this.message = message;
    }

    /** The field, such as {@code title} or {@code tasks[3].title}. */
    public String getField() {
        return field;
    }

    /** What is wrong with it. */
    public String getMessage() {
        return message;
    }

    /** The field and what is wrong with it. */
    @Override
    public String toString() {
        return field + ": " + message;
    }
}
