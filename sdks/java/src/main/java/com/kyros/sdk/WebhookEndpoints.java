package com.kyros.sdk;

import com.kyros.sdk.models.Delivery;
import com.kyros.sdk.models.Replay;
import com.kyros.sdk.models.Webhook;
import java.time.Instant;
import java.util.Map;

/** {@code client.webhooks()}: who is told what happens. To verify what is received: {@link Webhooks}. */
public final class WebhookEndpoints extends Resource {
    WebhookEndpoints(Api api) {
        super(api);
    }

    /**
     * Makes a webhook; its secret, made by the API when it is not given, is shown this once. Where
     * {@link Webhook#getSecret} is null, the answer that showed it was lost, and a second try found the
     * webhook made; rotate the secret.
     */
    public Webhook create(Webhook webhook) {
        return create(webhook, null);
    }

    /** The same under a key of yours, which gives the same webhook again, without its secret. */
    public Webhook create(Webhook webhook, String idempotencyKey) {
        return post("/webhooks", webhook.toMap(), idempotencyKey, Webhook::new);
    }

    /** The webhooks, newest first. */
    public Pages<Webhook> list() {
        return list("/webhooks", "webhooks", Map.of(), Webhook::new);
    }

    /** One webhook, without its secret. */
    public Webhook get(String webhookId) {
        return get(path(webhookId), Webhook::new);
    }

    /** Changes what is given; enabling it sends what was held. */
    public Webhook update(String webhookId, Webhook changes) {
        return patch(path(webhookId), changes.toMap(), Webhook::new);
    }

    /**
     * Deletes it; gives it as it was.
     *
     * @param webhookId the webhook's id
     * @return the webhook as it was
     * @throws NotFoundException when it is not there, also when only the answer to a first try was lost
     */
    public Webhook delete(String webhookId) {
        return delete(path(webhookId), Webhook::new);
    }

    /**
     * Makes a new secret, shown this once; the old one signs beside it until {@link #activateSecret}.
     * Where {@link Webhook#getSecret} is null, the answer that showed it was lost: rotate again.
     */
    public Webhook rotateSecret(String webhookId) {
        return rotateSecret(webhookId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Webhook rotateSecret(String webhookId, String idempotencyKey) {
        return act(path(webhookId) + "/rotate-secret", idempotencyKey, Webhook::new);
    }

    /**
     * Has the new secret sign alone.
     *
     * @param webhookId the webhook's id
     * @return the webhook as it is now
     * @throws ConflictException when there is no new secret
     */
    public Webhook activateSecret(String webhookId) {
        return activateSecret(webhookId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Webhook activateSecret(String webhookId, String idempotencyKey) {
        return act(path(webhookId) + "/activate-secret", idempotencyKey, Webhook::new);
    }

    /** Sends {@code {"type": "test", "data": {}}}. */
    public Delivery test(String webhookId) {
        return test(webhookId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Delivery test(String webhookId, String idempotencyKey) {
        return act(path(webhookId) + "/test", idempotencyKey, Delivery::new);
    }

    /** What was sent or is to be sent, newest first, with every attempt. */
    public Pages<Delivery> listDeliveries(String webhookId) {
        return list(path(webhookId) + "/deliveries", "deliveries", Map.of(), Delivery::new);
    }

    /** Sends one delivery again, under the same id. */
    public Delivery redeliver(String webhookId, String deliveryId) {
        return redeliver(webhookId, deliveryId, null);
    }

    /** The same under a key of yours, which acts once. */
    public Delivery redeliver(String webhookId, String deliveryId, String idempotencyKey) {
        String delivery = Address.segment("delivery_id", deliveryId);
        return act(path(webhookId) + "/deliveries/" + delivery + "/redeliver", idempotencyKey, Delivery::new);
    }

    /** Sends everything since a moment again, under the same ids. */
    public Replay replay(String webhookId, Instant since) {
        return replay(webhookId, since, null);
    }

    /** The same under a key of yours, which acts once. */
    public Replay replay(String webhookId, Instant since, String idempotencyKey) {
        return post(path(webhookId) + "/replay", fields("since", since), idempotencyKey, Replay::new);
    }

    private static String path(String webhookId) {
        return "/webhooks/" + Address.segment("webhook_id", webhookId);
    }
}
