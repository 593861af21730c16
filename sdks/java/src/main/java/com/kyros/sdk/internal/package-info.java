/** What both other packages need; nothing for users of the SDK. */
package com.kyros.sdk.internal;
