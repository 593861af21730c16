package com.kyros.sdk.models;

import com.kyros.sdk.internal.Json;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** An object of the API: its JSON, which the getters read. It can't be changed. */
public abstract class Model {
    private static final List<String> SECRETS = List.of("key", "secret", "standard_secret");

    private final Map<String, Object> fields;

    Model(Map<String, ?> fields) {
        this.fields = Json.frozenMap(fields);
    }

    /**
     * What stands at a field, known to this SDK or not.
     *
     * @param path the field's name, as the API writes it; with more names, the field in that object
     * @return a string, a boolean, an Integer, Long, BigInteger or BigDecimal, a list or a map of
     *     these; null where there is nothing
     */
    public Object get(String... path) {
        Object value = fields;
        for (String name : path) {
            value = value instanceof Map ? ((Map<?, ?>) value).get(name) : null;
        }
        return value;
    }

    /**
     * The JSON as it came, or as it is sent.
     *
     * @return a map that can't be changed
     */
    public Map<String, Object> toMap() {
        return fields;
    }

    /** Equal: of the same class, with the same fields. */
    @Override
    public boolean equals(Object other) {
        return other != null && other.getClass() == getClass() && ((Model) other).fields.equals(fields);
    }

    @Override
    public int hashCode() {
        return fields.hashCode();
    }

    /** The JSON, behind the name of the class; secrets are not in it, so it may be logged. */
    @Override
    public String toString() {
        Map<String, Object> shown = new LinkedHashMap<>(fields);
        SECRETS.forEach(name -> shown.computeIfPresent(name, (same, secret) -> "hidden"));
        return getClass().getSimpleName() + Json.text(shown);
    }

    String text(String name) {
        Object value = fields.get(name);
        return value instanceof String ? (String) value : null;
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(fields.get(name));
    }

    Double number(String name) {
        Object value = fields.get(name);
        return value instanceof Number ? (Double) ((Number) value).doubleValue() : null;
    }

    Long integer(String name) {
        Object value = fields.get(name);
        if (value instanceof Integer || value instanceof Long) {
            return ((Number) value).longValue();
        }
        return null;
    }

    BigDecimal money(String name) {
        Object value = fields.get(name);
        if (value instanceof BigDecimal) {
            return (BigDecimal) value;
        }
        return value instanceof Number ? new BigDecimal(value.toString()) : null;
    }

    Instant moment(String name) {
        String value = text(name);
        try {
            return value == null ? null : OffsetDateTime.parse(value).toInstant();
        } catch (DateTimeException wrong) {
            return null;
        }
    }

    <T> T word(String name, Function<String, T> read) {
        String value = text(name);
        return value == null ? null : read.apply(value);
    }

    List<String> texts(String name) {
        return each(name, String.class, Function.identity());
    }

    Map<String, Object> map(String name) {
        return one(name, Function.identity());
    }

    @SuppressWarnings("unchecked")
    <T> T one(String name, Function<Map<String, Object>, T> read) {
        Object value = fields.get(name);
        return value instanceof Map ? read.apply((Map<String, Object>) value) : null;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    <T> List<T> all(String name, Function<Map<String, Object>, T> read) {
        return each(name, (Class<Map<String, Object>>) (Class) Map.class, read);
    }

    @SuppressWarnings("unchecked")
    <T> Map<String, T> byName(String name, Function<Map<String, Object>, T> read) {
        Object value = fields.get(name);
        if (!(value instanceof Map)) {
            return null;
        }
        Map<String, T> found = new LinkedHashMap<>();
        ((Map<String, Object>) value).forEach((key, item) -> {
            if (item instanceof Map) {
                found.put(key, read.apply((Map<String, Object>) item));
            }
        });
        return Collections.unmodifiableMap(found);
    }

    private <I, T> List<T> each(String name, Class<I> kind, Function<? super I, T> read) {
        Object value = fields.get(name);
        if (!(value instanceof List)) {
            return null;
        }
        List<T> found = new ArrayList<>();
        for (Object item : (List<?>) value) {
            if (kind.isInstance(item)) {
                found.add(read.apply(kind.cast(item)));
            }
        }
        return Collections.unmodifiableList(found);
    }
}
