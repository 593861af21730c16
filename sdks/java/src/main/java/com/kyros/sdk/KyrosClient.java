package com.kyros.sdk;

import java.time.Duration;
import java.util.function.UnaryOperator;

/**
 * One API, asked with one key. Any number of threads may share a client, and its pool of connections;
 * it needs no closing.
 *
 * <pre>{@code
 * KyrosClient client = new KyrosClient.Builder().apiKey("…").baseUrl("https://kyros.example.com").build();
 * }</pre>
 */
public final class KyrosClient {
    private final Tasks tasks;
    private final Agents agents;
    private final Escalations escalations;
    private final WebhookEndpoints webhooks;
    private final Monitoring monitoring;
    private final ApiKeys apiKeys;

    private KyrosClient(Api api) {
        tasks = new Tasks(api);
        agents = new Agents(api);
        escalations = new Escalations(api);
        webhooks = new WebhookEndpoints(api);
        monitoring = new Monitoring(api);
        apiKeys = new ApiKeys(api);
    }

    /** Pieces of work. */
    public Tasks tasks() {
        return tasks;
    }

    /** Who does the work. */
    public Agents agents() {
        return agents;
    }

    /** Requests for the premium tier. */
    public Escalations escalations() {
        return escalations;
    }

    /** Who is told what happens. */
    public WebhookEndpoints webhooks() {
        return webhooks;
    }

    /** How the deployment is, and what it spends. */
    public Monitoring monitoring() {
        return monitoring;
    }

    /** The credentials of programs. */
    public ApiKeys apiKeys() {
        return apiKeys;
    }

    /** Makes a client. */
    public static final class Builder {
        /** A time that is not much longer overflows the JDK's clocks. */
        private static final Duration LONGEST_TIMEOUT = Duration.ofDays(365);

        private String apiKey;
        private String baseUrl;
        private Duration timeout = Duration.ofSeconds(30);
        private int maxRetries = 4;
        private String mode;
        private UnaryOperator<String> environment = System::getenv;
        private Api.Pause pause = time -> Thread.sleep(time.toMillis(), time.toNanosPart() % 1_000_000);

        /** The API key; when it is not given, the environment's KYROS_API_KEY. */
        public Builder apiKey(String apiKey) {
            this.apiKey = apiKey;
            return this;
        }

        /**
         * The API's address, with or without {@code /v1}; when it is not given, the environment's
         * KYROS_API_URL, else this machine's own stack.
         */
        public Builder baseUrl(String baseUrl) {
            this.baseUrl = baseUrl;
            return this;
        }

        /**
         * How long one try waits for the connection, and for each part of the answer: 30 seconds.
         * Throws IllegalArgumentException unless it is more than nothing, and a year at most.
         */
        public Builder timeout(Duration timeout) {
            if (timeout.isNegative() || timeout.isZero() || timeout.compareTo(LONGEST_TIMEOUT) > 0) {
                throw new IllegalArgumentException("timeout must be more than nothing, and a year at most.");
            }
            this.timeout = timeout;
            return this;
        }

        /**
         * How often a request is sent again after what passes (429, 5xx, a broken connection): 4.
         * Throws IllegalArgumentException for less than 0.
         */
        public Builder maxRetries(int maxRetries) {
            if (maxRetries < 0) {
                throw new IllegalArgumentException("maxRetries must be 0 or more.");
            }
            this.maxRetries = maxRetries;
            return this;
        }

        /**
         * {@code live} or {@code test}, for JWTs and OAuth2 tokens, which are live by default; a key has
         * its own mode. Throws IllegalArgumentException for any other.
         */
        public Builder mode(String mode) {
            if (!"live".equals(mode) && !"test".equals(mode)) {
                throw new IllegalArgumentException("mode must be live or test.");
            }
            this.mode = mode;
            return this;
        }

        /** The client. Throws IllegalArgumentException for a key or an address that is none. */
        public KyrosClient build() {
            String url = Address.baseUrl(baseUrl, environment);
            String key = Address.apiKey(apiKey, environment);
            return new KyrosClient(new Api(url, key, mode, timeout, maxRetries, pause));
        }

        Builder environment(UnaryOperator<String> given) {
            environment = given;
            return this;
        }

        Builder pause(Api.Pause given) {
            pause = given;
            return this;
        }
    }
}
