package com.kyros.sdk;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;

/**
 * A part of a list.
 *
 * @param <T> what it is a list of
 */
public final class Page<T> implements Iterable<T> {
    private final List<T> items;
    private final String nextCursor;
    private final boolean hasMore;

    Page(List<T> items, String nextCursor, boolean hasMore) {
        this.items = Collections.unmodifiableList(items);
        this.nextCursor = nextCursor;
        this.hasMore = hasMore;
    }

    /** What is in it. */
    public List<T> getItems() {
        return items;
    }

    /** Where the next part begins, for {@link Pages#startingAt}; null at the end. */
    public String getNextCursor() {
        return nextCursor;
    }

    /** Whether there is a next part. */
    public boolean hasMore() {
        return hasMore;
    }

    /** Over what is in it. */
    @Override
    public Iterator<T> iterator() {
        return items.iterator();
    }
}
