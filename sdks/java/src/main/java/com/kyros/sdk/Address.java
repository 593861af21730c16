package com.kyros.sdk;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** Where the API is, and with which key: what is given, else the environment. */
final class Address {
    /** Where {@code kyros up} serves. */
    static final String DEFAULT = "http://127.0.0.1:8000";

    private static final Set<String> CLIMBING = Set.of("", ".", "..");

    private Address() {}

    /** The address up to and with {@code /v1}, which may be given with it, without it, with a slash. */
    static String baseUrl(String given, UnaryOperator<String> environment) {
        String url = first(given, environment.apply("KYROS_API_URL"), DEFAULT);
        if (!isAddress(url)) {
            throw new IllegalArgumentException("baseUrl (or KYROS_API_URL) must be an address such as"
                + " https://kyros.example.com, without user, query or fragment.");
        }
        String bare = url.replaceAll("/+$", "");
        // The path alone: a host may be called v1, too.
        return URI.create(bare).getRawPath().endsWith("/v1") ? bare : bare + "/v1";
    }

    /** The key, without blanks around it; no message shows it. */
    static String apiKey(String given, UnaryOperator<String> environment) {
        String key = first(given, environment.apply("KYROS_API_KEY"), "");
        if (key.isEmpty()) {
            throw new IllegalArgumentException("No API key: give apiKey, or set KYROS_API_KEY.");
        }
        if (!key.chars().allMatch(character -> character >= '!' && character <= '~')) {
            throw new IllegalArgumentException("The API key has characters that no key has; was it copied whole?");
        }
        return key;
    }

    /** One segment of a path. */
    static String segment(String name, String value) {
        if (value == null || CLIMBING.contains(value)) {
            throw new IllegalArgumentException(name + " must be an id, not '" + value + "'.");
        }
        return escaped(value);
    }

    /** A path with a query; what is null is left out. */
    static String withQuery(String path, Map<String, ?> query) {
        String pairs = query.entrySet().stream()
            .filter(entry -> entry.getValue() != null)
            .map(entry -> escaped(entry.getKey()) + "=" + escaped(entry.getValue().toString()))
            .collect(Collectors.joining("&"));
        return pairs.isEmpty() ? path : path + "?" + pairs;
    }

    private static String first(String given, String environment, String otherwise) {
        for (String text : new String[] {given, environment}) {
            if (text != null && !text.isBlank()) {
                return text.strip();
            }
        }
        return otherwise;
    }

    private static boolean isAddress(String url) {
        try {
            URI uri = new URI(url);
            boolean isHttp = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
            return isHttp && uri.getHost() != null && uri.getPort() != 0 && uri.getUserInfo() == null
                && uri.getQuery() == null && uri.getFragment() == null;
        } catch (URISyntaxException wrong) {
            return false;
        }
    }

    /** Percent-encoded; unreserved characters stay (RFC 3986, 2.3). */
    private static String escaped(String text) {
        StringBuilder escaped = new StringBuilder();
        for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
            char character = (char) (one & 0xff);
            boolean isPlain = character < 0x80 && Character.isLetterOrDigit(character);
            if (isPlain || "-._~".indexOf(character) >= 0) {
                escaped.append(character);
            } else {
                escaped.append(String.format("%%%02X", one & 0xff));
            }
        }
        return escaped.toString();
    }
}
