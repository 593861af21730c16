/**
 * What the API tells, and what it is told.
 *
 * <p>A field has a getter where it is known, and is at {@link com.kyros.sdk.models.Model#get} in any
 * case, also when it is newer than this SDK. A known field that an answer leaves out is null, and
 * false where the getter is an {@code is…}. Words such as a status are open: see {@link
 * com.kyros.sdk.models.Word}. Money is a BigDecimal with exactly the digits that were sent; times are
 * Instants. Nothing here can be changed once it is built, so threads may share it.
 */
package com.kyros.sdk.models;
