package com.kyros.sdk;

import com.kyros.sdk.models.ApiKey;
import java.time.Duration;
import java.util.Map;

/** {@code client.apiKeys()}: the credentials of programs. All of it needs the permission {@code admin}. */
public final class ApiKeys extends Resource {
    ApiKeys(Api api) {
        super(api);
    }

    /**
     * Makes a key. {@link ApiKey#getKey}, the secret, is shown this once. Null: the answer that showed
     * it was lost, and a second try found the key made; rotate it.
     */
    public ApiKey create(ApiKey key) {
        return create(key, null);
    }

    /** The same under an Idempotency-Key of yours, which gives the same record again, without the secret. */
    public ApiKey create(ApiKey key, String idempotencyKey) {
        return post("/api-keys", key.toMap(), idempotencyKey, ApiKey::new);
    }

    /** The keys of the caller's mode, newest first. */
    public Pages<ApiKey> list() {
        return list("/api-keys", "api_keys", Map.of(), ApiKey::new);
    }

    /** One key's record. */
    public ApiKey get(String keyId) {
        return get(path(keyId), ApiKey::new);
    }

    /** Changes what is given, and takes away what is to be removed. */
    public ApiKey update(String keyId, ApiKey changes) {
        return patch(path(keyId), changes.toMap(), ApiKey::new);
    }

    /**
     * Replaces the secret; the new one is shown this once, the one before stays good for a day. Where
     * {@link ApiKey#getKey} is null, the answer that showed it was lost. Rotating again then ends the
     * secret before the lost one at once: where that one is in use, rather {@link #create} another key.
     */
    public ApiKey rotate(String keyId) {
        return rotate(keyId, null, null);
    }

    /** The same; the secret before stays good for so many whole seconds. */
    public ApiKey rotate(String keyId, Duration overlap) {
        return rotate(keyId, overlap, null);
    }

    /** The same under a key of yours, which rotates once; null is the usual overlap. */
    public ApiKey rotate(String keyId, Duration overlap, String idempotencyKey) {
        Long seconds = overlap == null ? null : overlap.toSeconds();
        return post(path(keyId) + "/rotate", fields("overlap_seconds", seconds), idempotencyKey, ApiKey::new);
    }

    /** Revokes a key: it is refused from then on. */
    public ApiKey revoke(String keyId) {
        return delete(path(keyId), ApiKey::new);
    }

    private static String path(String keyId) {
        return "/api-keys/" + Address.segment("key_id", keyId);
    }
}
