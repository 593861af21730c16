package com.kyros.sdk;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** 422, or another 4xx: what was sent must change. */
public final class ValidationException extends KyrosException {
    private static final long serialVersionUID = 1L;

    private final ArrayList<WrongField> fields;

    ValidationException(String message, Answered answered, List<WrongField> fields) {
        super(message, "", answered);
        this.fields = new ArrayList<>(fields);
    }

    /** Every field that is wrong; empty when it is none of the fields. */
    public List<WrongField> getFields() {
        return Collections.unmodifiableList(fields);
    }

    /** The sentence, and a line for each wrong field. */
    @Override
    public String getMessage() {
        StringBuilder lines = new StringBuilder(super.getMessage());
        fields.forEach(wrong -> lines.append("\n  ").append(wrong));
        return lines.toString();
    }
}
