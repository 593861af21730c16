package com.kyros.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a Retry-After says, and which stream was good. */
class RetryTest {
    @Test
    void aStreamThatFellSilentUsesUpATry() {
        KyrosException broken = new ApiConnectionException("", null);
        assertFalse(Retry.beginsAnew(broken, Duration.ofMillis(9_900)));
        assertTrue(Retry.beginsAnew(broken, Duration.ofSeconds(10)));
        assertFalse(Retry.beginsAnew(new ApiTimeoutException("", "timeout", null), Duration.ofSeconds(50)));
    }

    @Test
    void aDateIsReadInItsThreeForms() {
        Instant now = Instant.parse("1994-11-06T08:49:30Z");
        for (String date : List.of("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994")) {
            assertEquals(Duration.ofSeconds(7), Retry.after(date, now), date);
        }
        assertEquals(Duration.ofDays(10).plusSeconds(7), Retry.after("Wed Nov 16 08:49:37 1994", now));
    }

    @Test
    void twoDigitsOfAYearAreAtMostFiftyYearsAhead() {
        Instant now = Instant.parse("2025-12-31T00:00:00Z");
        Duration ahead = Duration.between(now, Instant.parse("2075-12-31T00:00:00Z"));
        assertEquals(ahead, Retry.after("Tuesday, 31-Dec-75 00:00:00 GMT", now));
        assertEquals(Duration.ZERO, Retry.after("Friday, 31-Dec-76 00:00:00 GMT", now));
    }

    @Test
    void whatIsNoDateSaysNothing() {
        for (String wrong : List.of("", "soon", "-5", "1e9", "Monday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 94", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT")) {
            assertNull(Retry.after(wrong, Instant.parse("1994-11-06T08:49:30Z")), wrong);
        }
    }
}
