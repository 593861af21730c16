package com.kyros.sdk;

import java.net.URI;
import java.net.http.HttpHeaders;

/** An answer that has begun: its body is still to be read. */
final class Opened {
    final URI asked;
    final int status;
    final HttpHeaders headers;
    final Chunks body;

    Opened(URI asked, int status, HttpHeaders headers, Chunks body) {
        this.asked = asked;
        this.status = status;
        this.headers = headers;
        this.body = body;
    }
}
