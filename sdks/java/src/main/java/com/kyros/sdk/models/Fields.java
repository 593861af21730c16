package com.kyros.sdk.models;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a builder gathers: fields in their order. */
final class Fields {
    private final Map<String, Object> fields = new LinkedHashMap<>();

    void set(String name, Object value) {
        fields.put(name, value);
    }

    void add(String name, Object item) {
        Object before = fields.get(name);
        List<Object> items = before instanceof Collection ? new ArrayList<>((Collection<?>) before) : new ArrayList<>();
        items.add(item);
        fields.put(name, items);
    }

    void put(String name, String key, Object item) {
        Map<Object, Object> items = new LinkedHashMap<>();
        Object before = fields.get(name);
        if (before instanceof Map) {
            items.putAll((Map<?, ?>) before);
        }
        items.put(key, item);
        fields.put(name, items);
    }

    Map<String, Object> all() {
        return fields;
    }
}
