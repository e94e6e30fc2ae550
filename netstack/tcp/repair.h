/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_REPAIR: the state of a connection is taken out and put back, so that it can move. Private to
 * tcp/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tcp/seq.h"

enum repair_queue {
	REPAIR_NO_QUEUE,
	REPAIR_RECV_QUEUE,
	REPAIR_SEND_QUEUE,
};

struct repair {
	bool on;
	uint8_t queue; /* enum repair_queue: what send() and recv() look at */
	/* TCP_QUEUE_SEQ before connect() */
	struct seq snd_seq, rcv_seq;
};
