package com.kyros.sdk;

import com.kyros.sdk.Answer.Reads;
import com.kyros.sdk.internal.Json;
import com.kyros.sdk.internal.Json.NotReadable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What every part of the API builds on. */
abstract class Resource {
    final Api api;

    Resource(Api api) {
        this.api = api;
    }

    <T> T get(String path, Reads<T> reads) {
        return api.call(Call.get(path), reads);
    }

    <T> T post(String path, Map<String, ?> body, String idempotencyKey, Reads<T> reads) {
        return api.call(Call.post(path, given(body), idempotencyKey), reads);
    }

    <T> T patch(String path, Map<String, ?> changes, Reads<T> reads) {
        return api.call(Call.patch(path, given(changes)), reads);
    }

    <T> T delete(String path, Reads<T> reads) {
        return api.call(Call.delete(path), reads);
    }

    <T> T act(String path, String idempotencyKey, Reads<T> reads) {
        return post(path, Map.of(), idempotencyKey, reads);
    }

    <T> Pages<T> list(String path, String plural, Map<String, ?> filters, Reads<T> reads) {
        return new Pages<>(filters, query -> get(Address.withQuery(path, query), data -> {
            List<T> items = each(data, plural, reads);
            Object cursor = data.get("next_cursor");
            return new Page<>(items, cursor instanceof String ? (String) cursor : null,
                Boolean.TRUE.equals(data.get("has_more")));
        }));
    }

    static <T> List<T> each(Map<String, Object> data, String plural, Reads<T> reads) throws NotReadable {
        if (!(data.get(plural) instanceof List)) {
            throw new NotReadable("It has no list " + plural + ".", null);
        }
        List<T> items = new ArrayList<>();
        for (Object item : (List<?>) data.get(plural)) {
            items.add(reads.read(Json.object(item)));
        }
        return items;
    }

    /** Names and values in turn. */
    static Map<String, Object> fields(Object... namesAndValues) {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (int at = 0; at < namesAndValues.length; at += 2) {
            fields.put((String) namesAndValues[at], Json.frozen(namesAndValues[at + 1]));
        }
        return fields;
    }

    /** What is given: null is absent. */
    static Map<String, Object> given(Map<String, ?> fields) {
        Map<String, Object> given = new LinkedHashMap<>(fields);
        given.values().removeIf(value -> value == null);
        return given;
    }
}
