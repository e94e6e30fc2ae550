/* SPDX-License-Identifier: Apache-2.0 */
/* Zero-window probing policy (RFC 9293 3.8.6.1). Pure. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

/* The delay before the next probe, @backoff probes having been sent since the window was last open.
 */
net_dur persist_delay(net_dur rto, unsigned int backoff);

/* True if the connection must be given up. A peer that answers may keep its window shut for ever
 * (MUST-37); @unanswered counts probes without any answer. An orphan has no one left to wait. */
bool persist_expired(unsigned int unanswered, bool orphan, net_time since, net_time now,
		     net_dur user_timeout);
