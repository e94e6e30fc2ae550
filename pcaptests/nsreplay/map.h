/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites a captured frame so that it says to our stack what it said to the captured one: ports,
 * acknowledgements, SACK blocks, echoed timestamps, and the packets quoted in ICMP errors.
 *
 * Checksums are updated by the difference (RFC 1624): a wrong one stays wrong.
 */
#pragma once

#include "capture.h"
#include "flow.h"

/* @captured and @own remember the two conversations; @frame's bytes are changed. */
void map_frame(struct frame *frame, enum frame_kind kind, const struct flows *captured,
	       const struct flows *own);

/* Whether @frame acknowledges what the captured end had sent but ours has not (yet). */
bool map_ahead(const struct frame *frame, enum frame_kind kind, const struct flows *captured,
	       const struct flows *own);
