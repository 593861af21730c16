package com.kyros.sdk.models;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One of a set of words that may grow: there are constants for those that are known, and a word that
 * is newer than this SDK is read, kept and sent like the others.
 *
 * <p>A known word is always its constant, so {@code ==} finds it; compare others with equals.
 */
public abstract class Word {
    private final String word;

    Word(String word) {
        this.word = Objects.requireNonNull(word, "a word");
    }

    /** The word as the API writes it. */
    @Override
    public final String toString() {
        return word;
    }

    @Override
    public final boolean equals(Object other) {
        return other != null && other.getClass() == getClass() && ((Word) other).word.equals(word);
    }

    @Override
    public final int hashCode() {
        return word.hashCode();
    }

    @SafeVarargs
    static <W extends Word> Map<String, W> known(W... words) {
        Map<String, W> known = new HashMap<>();
        for (W word : words) {
            known.put(word.toString(), word);
        }
        return known;
    }
}
