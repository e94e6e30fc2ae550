/* SPDX-License-Identifier: Apache-2.0 */
/* Protection against wrapped sequence numbers by timestamps (RFC 7323 5). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netstack/types.h>

#include "tcp/seq.h"

/* What is remembered about the peer's timestamp clock. */
struct paws {
	bool on; /* both ends sent the option on their SYN */
	bool has_recent;
	uint32_t recent; /* TS.Recent */
	net_time recent_at;
};

/* True if a segment with @tsval must be discarded (RFC 7323 5.3 R1). A RST is never rejected for a
 * stamp that may merely be stale (RFC 7323 5.2). */
bool paws_reject(const struct paws *paws, uint32_t tsval, bool rst, net_time now);

/* Records @tsval if the segment [@seq, ...) covers @last_ack_sent (RFC 7323 4.3 (2)). */
void paws_update(struct paws *paws, uint32_t tsval, struct seq seq, struct seq last_ack_sent,
		 net_time now);

/* The first stamp of a connection. */
void paws_seed(struct paws *paws, uint32_t tsval, net_time now);

/* True if @tsval proves that a SYN belongs to a newer incarnation (RFC 6191). */
bool paws_newer(const struct paws *paws, uint32_t tsval);
