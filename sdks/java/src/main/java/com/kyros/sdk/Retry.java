package com.kyros.sdk;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.util.List;
import java.util.Locale;

/** Whether a request is sent again, and after which pause (pure). */
final class Retry {
    private static final double FIRST_PAUSE_MS = 500;
    private static final double LONGEST_PAUSE_MS = 8_000;
    /** A longer Retry-After is the caller's to decide on. */
    private static final double LONGEST_RETRY_AFTER_MS = 60_000;
    /** The API sends a comment this often in a quiet stream. */
    private static final Duration HEARTBEAT = Duration.ofSeconds(10);
    private static final int CONFLICT = 409;
    private static final int TOO_MANY = 429;
    private static final int SERVER_ERROR = 500;

    private Retry() {}

    /**
     * The pause before the next try after so many earlier ones; null when there is none. The chance is
     * a random number from 0 to 1: clients that failed together don't come together.
     */
    static Duration pause(KyrosException error, int tries, int maxRetries, double chance) {
        double asked = error.getRetryAfter() == null ? 0 : error.getRetryAfter().toMillis();
        if (tries >= maxRetries || asked > LONGEST_RETRY_AFTER_MS || !passes(error)) {
            return null;
        }
        double usual = Math.min(FIRST_PAUSE_MS * Math.pow(2, tries), LONGEST_PAUSE_MS) * (1 + chance) / 2;
        return Duration.ofMillis((long) Math.max(usual, asked * (1 + chance / 10)));
    }

    /**
     * Whether a quiet stream that ended so was good, and its tries are counted anew: it lived for a
     * heartbeat at least, from the answer's beginning to its end, and not in silence.
     */
    static boolean beginsAnew(KyrosException error, Duration lived) {
        return lived.compareTo(HEARTBEAT) >= 0 && !(error instanceof ApiTimeoutException);
    }

    /** What a Retry-After asks for: seconds, or a date (RFC 9110, 10.2.3); null for what is neither. */
    static Duration after(String value, Instant now) {
        if (value.matches("[0-9]{1,9}")) {
            return Duration.ofSeconds(Long.parseLong(value));
        }
        for (DateTimeFormatter form : dates(now)) {
            try {
                Duration until = Duration.between(now, ZonedDateTime.parse(value, form).toInstant());
                return until.isNegative() ? Duration.ZERO : until;
            } catch (DateTimeException wrong) {
                // It may be one of the other forms.
            }
        }
        return null;
    }

    /** The three forms of a date (RFC 9110, 5.6.7); one has two digits of the year, 50 years ahead at most. */
    private static List<DateTimeFormatter> dates(Instant now) {
        int firstYear = now.atZone(ZoneOffset.UTC).getYear() - 49;
        return List.of(
            DateTimeFormatter.RFC_1123_DATE_TIME,
            new DateTimeFormatterBuilder()
                .appendPattern("EEEE, dd-MMM-").appendValueReduced(ChronoField.YEAR, 2, 2, firstYear)
                .appendPattern(" HH:mm:ss 'GMT'").toFormatter(Locale.ENGLISH).withZone(ZoneOffset.UTC),
            DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss uuuu", Locale.ENGLISH).withZone(ZoneOffset.UTC));
    }

    /** Whether the same request may be answered later; a POST is safe under its Idempotency-Key. */
    private static boolean passes(KyrosException error) {
        if (error instanceof ApiConnectionException) {
            return true;
        }
        int status = error.getStatus() == null ? 0 : error.getStatus();
        // A 409 that says when to come back: the same request is at work this moment.
        boolean waits = status == CONFLICT && error.getRetryAfter() != null;
        return waits || status == TOO_MANY || status >= SERVER_ERROR;
    }
}
