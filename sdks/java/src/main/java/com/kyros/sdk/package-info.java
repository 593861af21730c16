/**
 * The Java SDK of Kyros: make a {@link com.kyros.sdk.KyrosClient}, and ask.
 *
 * <p>Every call throws a {@link com.kyros.sdk.KyrosException} of the class that says what the caller
 * can do, and IllegalArgumentException when the call itself is wrong and nothing was sent.
 */
package com.kyros.sdk;
