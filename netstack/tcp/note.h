/* SPDX-License-Identifier: Apache-2.0 */
/* What the user asked to be told about a write: SO_TIMESTAMPING's stamps, MSG_ZEROCOPY's completion.
 * Private to tcp/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tcp/seq.h"

struct tcp_note {
	struct seq end;	   /* the byte after the write's last */
	uint32_t zc_id;	   /* of a MSG_ZEROCOPY write */
	uint8_t stamps;	   /* enum note_stamp still to come */
	bool zerocopy;
};

enum note_stamp {
	NOTE_SCHED = 1,
	NOTE_SND = 2,
	NOTE_ACK = 4,
};

struct tcp_notes {
	struct tcp_note *note; /* in order of sequence numbers */
	uint32_t count, cap;
	bool counting;	   /* SOF_TIMESTAMPING_OPT_ID */
	struct seq id_base; /* the byte with id 0 */
};
