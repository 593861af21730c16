package com.kyros.sdk.internal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.kyros.sdk.models.Model;
import com.kyros.sdk.models.Word;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON in and out without losing a digit, as maps, lists, strings, numbers, booleans and null.
 *
 * <p>Not for users of the SDK: it may change with every version.
 */
public final class Json {
    /** The API takes integers of any size within its limits on sizes. */
    private static final int DIGITS = 100_000;

    private static final ObjectMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxNumberLength(DIGITS).build())
            .build())
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();

    private Json() {}

    /**
     * The value that UTF-8 bytes hold.
     *
     * @param content the bytes
     * @return the value
     * @throws NotReadable when they hold none
     */
    public static Object parse(byte[] content) throws NotReadable {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
            return MAPPER.readValue(text, Object.class);
        } catch (CharacterCodingException | JsonProcessingException wrong) {
            throw new NotReadable("It is not JSON.", wrong);
        }
    }

    /**
     * The value as compact JSON.
     *
     * @param value what {@link #frozen} gives
     * @return JSON
     */
    public static String text(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException wrong) {
            throw new IllegalArgumentException("This can't be said in JSON.", wrong);
        }
    }

    /**
     * The value as compact JSON in UTF-8.
     *
     * @param value what {@link #frozen} gives
     * @return the bytes
     * @throws IllegalArgumentException for half a character, which UTF-8 can't say
     */
    public static byte[] write(Object value) {
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text(value)));
            return Arrays.copyOf(bytes.array(), bytes.limit());
        } catch (CharacterCodingException wrong) {
            throw new IllegalArgumentException("A text has half a character in it, which can't be sent.", wrong);
        }
    }

    /**
     * A copy that nobody can change.
     *
     * @param value maps, collections, strings, numbers, booleans, moments, words and models
     * @return maps, lists, strings, numbers, booleans and null
     * @throws IllegalArgumentException for anything else
     */
    public static Object frozen(Object value) {
        if (value instanceof Model) {
            return ((Model) value).toMap();
        }
        if (value instanceof Map) {
            return frozenMap((Map<?, ?>) value);
        }
        if (value instanceof Collection) {
            List<Object> items = new ArrayList<>();
            ((Collection<?>) value).forEach(item -> items.add(frozen(item)));
            return Collections.unmodifiableList(items);
        }
        if (value instanceof OffsetDateTime) {
            return DateTimeFormatter.ISO_OFFSET_DATE_TIME.format((OffsetDateTime) value);
        }
        if (value instanceof Word || value instanceof Instant) {
            return value.toString();
        }
        if (value == null || value instanceof String || value instanceof Boolean || isNumber(value)) {
            return value;
        }
        throw new IllegalArgumentException(value + " of " + value.getClass() + " can't be said in JSON.");
    }

    /**
     * A copy of a map that nobody can change.
     *
     * @param map from strings to what {@link #frozen} takes
     * @return the copy, in the same order
     * @throws IllegalArgumentException for what JSON can't say
     */
    public static Map<String, Object> frozenMap(Map<?, ?> map) {
        Map<String, Object> fields = new LinkedHashMap<>();
        map.forEach((name, item) -> {
            if (!(name instanceof String)) {
                throw new IllegalArgumentException(name + " is no name of a field: it is no string.");
            }
            fields.put((String) name, frozen(item));
        });
        return Collections.unmodifiableMap(fields);
    }

    /**
     * The value, which must be an object.
     *
     * @param value what {@link #parse} gave
     * @return its fields
     * @throws NotReadable when it is none
     */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(Object value) throws NotReadable {
        if (value instanceof Map) {
            return (Map<String, Object>) value;
        }
        throw new NotReadable("It is not an object.", null);
    }

    private static boolean isNumber(Object value) {
        if (value instanceof Double || value instanceof Float) {
            return Double.isFinite(((Number) value).doubleValue());
        }
        return value instanceof Integer || value instanceof Long || value instanceof BigDecimal
            || value instanceof BigInteger || value instanceof Short || value instanceof Byte;
    }

    /** What came is not what the API sends. */
    public static final class NotReadable extends Exception {
        private static final long serialVersionUID = 1L;

        /**
         * For what came.
         *
         * @param message what is wrong with it
         * @param cause how that was found, or null
         */
        public NotReadable(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
