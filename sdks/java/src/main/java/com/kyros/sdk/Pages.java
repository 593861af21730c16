package com.kyros.sdk;

import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A list that the API answers page by page: {@code for (Task task : client.tasks().list())} goes over
 * all of it, and asks for a page when it is reached. Each loop begins at the beginning again.
 *
 * @param <T> what it is a list of
 */
public final class Pages<T> implements Iterable<T> {
    private final Map<String, ?> query;
    private final Function<Map<String, ?>, Page<T>> fetch;

    Pages(Map<String, ?> query, Function<Map<String, ?>, Page<T>> fetch) {
        this.query = query;
        this.fetch = fetch;
    }

    /** The same list, with so many items in a page: 1 to 200; the API's default is 50. */
    public Pages<T> pageSize(int items) {
        return with("limit", items);
    }

    /** The same list from a {@link Page#getNextCursor} on that was kept. */
    public Pages<T> startingAt(String cursor) {
        return with("cursor", cursor);
    }

    /** Over all items. */
    @Override
    public Iterator<T> iterator() {
        Iterator<Page<T>> pages = pages().iterator();
        return new Iterator<>() {
            private Iterator<T> items = Collections.emptyIterator();

            @Override
            public boolean hasNext() {
                while (!items.hasNext() && pages.hasNext()) {
                    items = pages.next().iterator();
                }
                return items.hasNext();
            }

            @Override
            public T next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return items.next();
            }
        };
    }

    /** All items; a page is asked for when it is reached. */
    public Stream<T> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    /** The pages; each is asked for when it is reached. */
    public Iterable<Page<T>> pages() {
        return () -> new Iterator<>() {
            private Pages<T> rest = Pages.this;

            @Override
            public boolean hasNext() {
                return rest != null;
            }

            @Override
            public Page<T> next() {
                if (rest == null) {
                    throw new NoSuchElementException();
                }
                Page<T> page = fetch.apply(rest.query);
                boolean isLast = !page.hasMore() || page.getNextCursor() == null;
                rest = isLast ? null : startingAt(page.getNextCursor());
                return page;
            }
        };
    }

    private Pages<T> with(String name, Object value) {
        Map<String, Object> changed = new LinkedHashMap<>(query);
        changed.put(name, value);
        return new Pages<>(changed, fetch);
    }
}
